"""Several ranks: the same statistics everywhere, also with uneven data, and no rank waits for one that failed."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import steadynorm

UNEVEN = (40, 11)
"""How many batches each rank has."""


def data(rank, counts=UNEVEN):
    generator = torch.Generator().manual_seed(rank)
    return [torch.randn(32, 3, generator=generator) + 5 * rank for _ in range(counts[rank])]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4), nn.Tanh(), nn.BatchNorm1d(4))


def each(model, batch):
    """Runs every batch by itself, so that a layer gets the same whichever rank runs it."""
    return model(batch)


def estimated(rank, counts, passes):
    model = DistributedDataParallel(network())
    result = steadynorm.recalibrate(model, data(rank, counts), tolerance=0, passes=passes, forward=each, progress=False)
    return model.module.state_dict(), [result.batches, result.samples]


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("counts", [UNEVEN, (0, 7)], ids=["uneven", "without data"])
def test_all_ranks_end_with_the_statistics_of_one_process_with_all_data(ranks, counts, passes):
    alone, everything = network(), data(0, counts) + data(1, counts)
    steadynorm.recalibrate(alone, everything, tolerance=0, passes=passes, forward=each, progress=False)

    (first, used), (second, also_used) = ranks(estimated, counts, passes)

    assert used == also_used == [sum(counts), 32 * sum(counts)]
    for name, value in alone.state_dict().items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, rtol=1e-6, atol=1e-6, msg=name)
    values = torch.cat(everything).double()
    torch.testing.assert_close(first["0.running_mean"], values.mean(0).float(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(first["0.running_var"], values.var(0).float(), rtol=1e-6, atol=1e-6)


def until_tolerance(rank):
    model = DistributedDataParallel(network())
    result = steadynorm.recalibrate(model, data(rank), tolerance=0.3, progress=False)
    return model.state_dict(), result.batches


def test_all_ranks_stop_together(ranks):
    (first, batches), (second, also_batches) = ranks(until_tolerance)

    assert batches == also_batches < sum(UNEVEN)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


class Broken:
    def __iter__(self):
        yield from data(1)[:3]
        raise OSError("disk gone")


class ReadOnce:
    def __init__(self):
        self.batches = iter(data(1))

    def __iter__(self):
        return self.batches


def failing_forward(model, batch):
    raise KeyError("label")


def unwritable(model):
    """The last statistic cannot be written: what was written before must be taken back."""
    model[3].running_var = torch.ones(1).expand(4)
    return {}


def frozen(model):
    model[0].requires_grad_(False)
    return {}


FAILURES = {
    "batch": (lambda _: {"data": [*data(1)[:3], torch.randn(32, 4)]}, "the model refuses batch"),
    "loader": (lambda _: {"data": Broken()}, "OSError: disk gone"),
    "no data": (lambda _: {"data": 7}, "data is a int"),
    "forward": (lambda _: {"forward": failing_forward}, "KeyError"),
    "device": (lambda _: {"device": "cuda:99"}, "device 'cuda:99' cannot be used"),
    "read once": (lambda _: {"data": ReadOnce()}, "data gave no batch in pass 2"),
    "storing": (unwritable, "unsupported operation"),
}
"""What is different in rank 1, and what is wrong with it."""

DIFFERENT = {
    "passes": (lambda _: {"passes": 1}, "rank 0 is at pass 2, all batches, rank 1 at the end"),
    "max_batches": (
        lambda _: {"max_batches": 4},
        "rank 0 is at pass 1, all batches, rank 1 at pass 1, up to 4 batches",
    ),
    "layers": (frozen, "do not re-estimate the same layers: '0' differs"),
}


def failing(rank, name):
    """What each rank raises, and whether its model stayed as it was and the ranks are at the same place."""
    model = DistributedDataParallel(network()).train()
    arguments = {"data": data(rank), "tolerance": 0, "passes": 2, "progress": False}
    if rank == 1:
        arguments |= {**FAILURES, **DIFFERENT}[name][0](model.module)
    before = [(value, value.clone()) for value in model.state_dict().values()]
    message = ""
    try:
        steadynorm.recalibrate(model, **arguments)
    except (steadynorm.UnusableInputError, RuntimeError) as error:
        message = str(error)
    kept = all(torch.equal(value, old) for value, old in before)
    hooks = any(module._forward_pre_hooks for module in model.module)
    places = torch.ones(1)
    dist.all_reduce(places)
    return message, kept and model.module[0].training and not hooks, places.item()


@pytest.mark.parametrize("name", FAILURES)
def test_a_rank_that_fails_tells_the_others(ranks, name):
    (first, *kept), (second, *also_kept) = ranks(failing, name)

    assert FAILURES[name][1] in second
    assert first.startswith("rank 1 failed: ")
    assert FAILURES[name][1] in first
    assert kept == also_kept == [True, 2.0]


@pytest.mark.parametrize("name", DIFFERENT)
def test_ranks_that_do_not_do_the_same_are_told_so(ranks, name):
    (first, *kept), (second, *also_kept) = ranks(failing, name)

    assert first == second
    assert DIFFERENT[name][1] in first
    assert kept == also_kept == [True, 2.0]


def ending(rank):
    group = dist.new_group(backend="gloo")
    model = DistributedDataParallel(network(), process_group=group)
    before = [value.clone() for value in model.buffers()]
    if rank == 1:
        dist.destroy_process_group(group)
        return None
    with pytest.raises(steadynorm.UnusableInputError, match="another rank has ended or cannot be reached"):
        steadynorm.recalibrate(model, data(rank), progress=False)
    return all(map(torch.equal, model.buffers(), before))


def test_a_rank_that_ends_is_missed(ranks):
    assert ranks(ending) == [True, None]
