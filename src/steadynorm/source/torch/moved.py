"""Models that no optimizer trains, and whose weights follow those of another one, as a mean teacher's do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steadynorm.source.symbolic.flow import calls_behind
from steadynorm.source.symbolic.trace import Block, Call, Callback, Loop
from steadynorm.source.symbolic.values import Instance
from steadynorm.source.torch.averaging import related, writes
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.program import TorchProgram
from steadynorm.source.torch.trainers import FIT_HOOKS, STEP_HOOKS
from steadynorm.source.torch.words import BUFFERS, PARAMETERS


def is_moved(program: TorchProgram, key: Key, uses: Sequence[Call]) -> bool:
    """Whether a model that takes part in a training is given other weights while that goes on.

    A copy that is made before the training, to begin with, moves nothing.
    """
    value = program.models.value(key)
    made = value.created if isinstance(value, Instance) else getattr(value, "call", None)
    anew = set() if made is None else set(map(id, made.within))
    loops = {id(block) for use in uses for block in use.within if isinstance(block, Loop)} - anew
    return any(
        related(program, target, key) and any(id(block) in loops or _is_of_fit(block) for block in within)
        for target, within in _written(program)
    )


def _written(program: TorchProgram) -> Iterator[tuple[Key, tuple[Block, ...]]]:
    for write in writes(program):
        yield write.target, write.within
    for call in program.run.calls():
        target = program.models.key(call.receiver) if call.name == ".load_state_dict" else None
        if target is not None and any(not related(program, target, each) for each in _sources(program, call)):
            yield target, call.within


def _sources(program: TorchProgram, call: Call) -> Iterator[Key]:
    """The models whose state a call is given."""
    for other in calls_behind(*call.arguments, *call.keywords.values()):
        key = program.models.key(other.receiver) if other.name in BUFFERS | PARAMETERS else None
        if key is not None:
            yield key


def _is_of_fit(block: Block) -> bool:
    """Whether it is a method that Lightning calls in every epoch or step."""
    return isinstance(block, Callback) and block.call is None and block.argument in (*FIT_HOOKS, *STEP_HOOKS)
