"""Processes that go through the same steps: when one fails all hear of it, and none waits for another forever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import torch.distributed as dist
from torch import nn

from steadynorm.errors import UnusableInputError

_SHARDED = {"FullyShardedDataParallel", "FSDPModule"}
"""By name, because importing them takes long; the second is what `fully_shard` makes of a module's class."""


class _Message(NamedTuple):
    step: str
    share: Any
    failure: str | None = None


class Ranks:
    """The processes that hold replicas of a model in a DistributedDataParallel wrapper; else this one alone.

    A process that fails takes part in one exchange more, the one that the others come to next, and says so there. All
    of them make the same number of exchanges, whatever happens, as long as each step ends with one.

    Arguments:
        model: the model, wrapped or not.
    """

    def __init__(self, model: nn.Module) -> None:
        self._group = _group_of(model)
        self._told = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Tells the others what is raised in here, unless they know it."""
        try:
            yield
        except Exception as error:
            if not self._told:
                failure = str(error) if isinstance(error, UnusableInputError) else f"{type(error).__name__}: {error}"
                with suppress(UnusableInputError):  # it has a failure of its own to raise
                    self._gather(_Message("", None, failure))
            raise

    def exchange(self, step: str, share: Any) -> list[Any]:
        """Ends a step; gives what the processes share, in the same order in each of them.

        Arguments:
            step: what this process has done; must be the same in all.
            share: what it has for the others; plain values and NumPy arrays.

        Raises:
            UnusableInputError: a process failed, did something else, or cannot be reached; in all processes.
        """
        return [message.share for message in self._gather(_Message(step, share))]

    def _gather(self, own: _Message) -> list[_Message]:
        if self._group is None:
            return [own]
        self._told = True  # whatever is raised here, the others know it or are gone
        messages: list[Any] = [None] * dist.get_world_size(self._group)
        try:
            dist.all_gather_object(messages, own, self._group)
        except RuntimeError as error:
            raise UnusableInputError(f"another rank has ended or cannot be reached: {error}") from error
        ranks = dist.get_process_group_ranks(self._group)
        for rank, message in zip(ranks, messages, strict=True):
            if message.failure is not None:
                raise UnusableInputError(f"rank {rank} failed: {message.failure}")
        for rank, message in zip(ranks, messages, strict=True):
            if message.step != messages[0].step:
                raise UnusableInputError(
                    f"the ranks do not do the same: rank {ranks[0]} is at {messages[0].step}, rank {rank} at "
                    f"{message.step}; all must be called with the same arguments"
                )
        self._told = False
        return messages


def check_runs_alone(model: nn.Module) -> None:
    """Refuses a model of which a forward pass in one process waits for one in the others, who may have fewer batches.

    Arguments:
        model: without the wrapper whose processes are `Ranks`.

    Raises:
        UnusableInputError: naming the part that waits.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return
    for name, module in model.named_modules():
        if isinstance(module, nn.parallel.DistributedDataParallel):
            raise UnusableInputError(
                f"'{name}' in the model is wrapped in DistributedDataParallel, so that each batch waits for one in the "
                f"other ranks; expected the wrapper around the whole model, or none: put '{name}.module' in its place"
            )
        if not _SHARDED.isdisjoint(kind.__name__ for kind in type(module).__mro__):
            what = f"'{name}' in the model" if name else "the model"
            raise UnusableInputError(
                f"{what} is sharded (FSDP), so that each batch waits for "
                "one in the other ranks; expected a whole model: load get_model_state_dict(model, options="
                "StateDictOptions(full_state_dict=True)) into one and wrap that in DistributedDataParallel"
            )


def _group_of(model: nn.Module) -> Any:
    """The process group of a DistributedDataParallel wrapper; `None` without one, or in a world of one."""
    while True:
        if isinstance(model, nn.parallel.DistributedDataParallel):
            group = model.process_group
            return group if dist.get_world_size(group) > 1 else None
        inner = getattr(model, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return None
        model = inner
