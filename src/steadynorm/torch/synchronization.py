"""Batches of several processes taken as one: which processes, the moments of all, and sums over all."""

from __future__ import annotations

import pickle
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from steadynorm.torch.batch_moments import BatchMoments
from steadynorm.torch.weighted_moments import merged


class _Group:
    """A process group as a layer holds it: copies of the layer are of the same group."""

    def __init__(self, group: Any) -> None:
        self.group = group

    def __deepcopy__(self, memo: dict[int, Any]) -> _Group:
        return self

    def __reduce__(self) -> Any:
        if self.group is None:
            return _Group, (None,)
        raise pickle.PicklingError(
            "a layer with a process_group cannot be pickled, because a group belongs to running processes; expected "
            "process_group=None: pickle the state_dict, or set layer.process_group = None before"
        )


class Synchronized(_BatchNorm):
    """Batch normalization that may take the batches of several processes as one.

    Attributes:
        synchronized: whether it does, in training.
    """

    synchronized: bool
    _group: _Group

    @property
    def process_group(self) -> Any:
        """The processes whose batches are one; None for all."""
        return self._group.group

    @process_group.setter
    def process_group(self, group: Any) -> None:
        self._group = _Group(group)

    def _set_synchronized(self, synchronized: bool, process_group: Any) -> None:
        if process_group is not None and not synchronized:
            raise ValueError(
                "process_group without synchronized=True would do nothing; expected both: set synchronized or drop it"
            )
        self.synchronized, self.process_group = synchronized, process_group

    def _drop_synchronized(self) -> None:
        for name in ("synchronized", "_group"):
            delattr(self, name)

    def _others(self) -> Any:
        """Return the process group that this batch is one with; None where this process is by itself.

        By the rule of torch.nn.SyncBatchNorm: in training only, and where torch.distributed has been started.
        """
        if not (self.synchronized and self.training and dist.is_available() and dist.is_initialized()):
            return None
        group = dist.group.WORLD if self.process_group is None else self.process_group
        return group if dist.get_world_size(group) > 1 else None


def joint_moments(own: BatchMoments, group: Any) -> BatchMoments:
    """Return the moments of the batches of all processes, the same to the last bit in each; one collective.

    Args:
        own: of this process's batch, (1, C); its weight is zero where it is empty.
        group: the processes.
    """
    channels = own.mean.shape[1]
    weight = own.weight if isinstance(own.weight, Tensor) else own.mean.new_full((1, 1), own.weight)
    sent = torch.cat((own.mean, own.variance, weight), 1).flatten()
    gathered = sent.new_empty(dist.get_world_size(group), len(sent))
    dist.all_gather(list(gathered.unbind()), sent, group)
    # Each is (1, processes, C); the processes are merged as the parts of one group.
    return BatchMoments(*merged(*torch.split(gathered[None], [channels, channels, 1], 2)))


def total(values: Tensor, group: Any) -> Tensor:
    """Return the sum over all processes, which can be differentiated; one collective, and one for its gradient."""
    result: Tensor = _Total.apply(values, group)  # type: ignore[no-untyped-call]
    return result


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, group: Any) -> Tensor:
        ctx.group = group
        result = values.clone()
        dist.all_reduce(result, group=group)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return total(gradients[0], ctx.group), None
