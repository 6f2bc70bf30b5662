"""Several ranks: the same statistics everywhere, also with uneven data, and no rank waits for one that failed."""

import os
import tempfile

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import steadynorm

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this torch has no distributed package")


def run(function):
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_rank, (function, folder), nprocs=2, join=True)
        return [torch.load(os.path.join(folder, f"{rank}.pt"), weights_only=True) for rank in range(2)]


def _rank(rank, function, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    try:
        torch.save(function(rank), os.path.join(folder, f"{rank}.pt"))
    finally:
        dist.destroy_process_group()


def data(rank):
    """Rank 1 has fewer batches, and others."""
    generator = torch.Generator().manual_seed(rank)
    return [torch.randn(32, 3, generator=generator) + 5 * rank for _ in range(40 if rank == 0 else 11)]


def _estimates(rank):
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.BatchNorm1d(2)))
    whole = steadynorm.recalibrate(model, data(rank), tolerance=0, passes=2)
    statistics = [model.module[0].running_mean.clone(), model.module[0].running_var.clone()]
    early = steadynorm.recalibrate(model, data(rank), tolerance=0.3)
    state = model.state_dict()
    return {"whole": statistics, "batches": [whole.batches, whole.samples, early.batches], "early": state}


def test_all_ranks_end_with_the_statistics_of_all_data():
    first, second = run(_estimates)
    values = torch.cat(data(0) + data(1)).double()
    torch.testing.assert_close(first["whole"][0], values.mean(0).float())
    torch.testing.assert_close(first["whole"][1], values.var(0).float())
    assert first["batches"] == second["batches"]
    assert first["batches"][:2] == [51, 51 * 32]
    assert first["batches"][2] < 51
    for name, value in first["early"].items():
        assert torch.equal(value, second["early"][name]), name


def _failing(rank):
    model = DistributedDataParallel(nn.BatchNorm1d(3))
    batches = data(rank)
    if rank == 1:
        batches[3] = torch.randn(32, 4)
    try:
        steadynorm.recalibrate(model, batches)
    except steadynorm.UnusableInputError as error:
        return str(error)


def test_a_rank_that_fails_tells_the_others():
    first, second = run(_failing)
    assert first.startswith("rank 1 failed: the model refuses batch")
    assert second.startswith("the model refuses batch")
