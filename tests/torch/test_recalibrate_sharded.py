"""Models of which every batch waits for one in the other ranks are refused, with a way that works."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_model_state_dict
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

import steadynorm
from steadynorm.torch import BatchNorm1d

# PyTorch itself calls parts of FSDP deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

COUNTS = (5, 2)
"""How many batches each rank has."""


def data(rank):
    generator = torch.Generator().manual_seed(rank)
    return [torch.randn(16, 3, generator=generator) + 5 * rank for _ in range(COUNTS[rank])]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4), nn.Tanh(), BatchNorm1d(4, renorm=True), nn.Linear(4, 5))


def wrapped(model):
    return FullyShardedDataParallel(model, device_id=torch.device("cpu"))


def wrapped_inside(model):
    model[1] = FullyShardedDataParallel(model[1], use_orig_params=True, device_id=torch.device("cpu"))
    return model


def marked(model):
    fully_shard(model[1])
    fully_shard(model)
    return model


SHARDED = {
    "whole": (wrapped, "the model is sharded"),
    "part": (wrapped_inside, "'1' in the model is sharded"),
    "fully_shard": (marked, "the model is sharded"),
}


def refused_and_done(rank, name):
    """What is said of the sharded model, whether it stayed as it was, and its statistics after what is advised."""
    model = SHARDED[name][0](network())
    before = [(each, each.clone()) for each in model.buffers()]
    modes = [each.training for each in model.modules()]
    with pytest.raises(steadynorm.UnusableInputError) as error:
        steadynorm.recalibrate(model, data(rank), tolerance=0, progress=False)
    kept = all(torch.equal(each, old) for each, old in before)
    kept = kept and modes == [each.training for each in model.modules()]

    whole = network()
    whole.load_state_dict(get_model_state_dict(model, options=StateDictOptions(full_state_dict=True)))
    steadynorm.recalibrate(DistributedDataParallel(whole), data(rank), tolerance=0, progress=False)
    set_model_state_dict(model, copy.deepcopy(whole.state_dict()), options=StateDictOptions(full_state_dict=True))
    statistics = [each.clone() for name, each in model.named_buffers() if "running" in name]
    return str(error.value), kept, statistics


@pytest.mark.parametrize("name", SHARDED)
def test_a_sharded_model_is_refused_and_a_whole_one_serves(ranks, name):
    alone = network()
    steadynorm.recalibrate(alone, data(0) + data(1), tolerance=0, progress=False)
    expected = [each for key, each in alone.named_buffers() if "running" in key]

    for message, kept, statistics in ranks(refused_and_done, name):
        assert message.startswith(SHARDED[name][1])
        assert "StateDictOptions(full_state_dict=True)" in message
        assert kept
        for found, wanted in zip(statistics, expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)


def inside(rank):
    model = nn.Sequential(DistributedDataParallel(network()), nn.Identity())
    before = [each.clone() for each in model.buffers()]
    with pytest.raises(steadynorm.UnusableInputError, match=r"around the whole model, or none: put '0\.module'"):
        steadynorm.recalibrate(model, data(rank), progress=False)
    kept = all(map(torch.equal, model.buffers(), before))
    model[0] = model[0].module
    model = DistributedDataParallel(model)
    return kept, steadynorm.recalibrate(model, data(rank), tolerance=0, progress=False).batches


def test_a_wrapper_inside_the_model_is_refused(ranks):
    assert ranks(inside) == [(True, sum(COUNTS))] * 2


def alone(rank):
    """Only one of them does it, as before saving in the first rank."""
    model = network()
    if rank == 0:
        steadynorm.recalibrate(model, data(rank), tolerance=0, progress=False)
    return model[0].running_mean


def test_without_a_wrapper_each_process_is_by_itself(ranks):
    first, second = ranks(alone)

    torch.testing.assert_close(first, torch.cat(data(0)).mean(0), rtol=1e-5, atol=1e-6)
    assert torch.equal(second, torch.zeros(3))
