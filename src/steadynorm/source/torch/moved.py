"""Models that no optimizer trains, and whose weights follow those of another one, as a mean teacher's do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steadynorm.source.symbolic.flow import calls_behind
from steadynorm.source.symbolic.trace import Block, Call, Callback, Loop
from steadynorm.source.symbolic.values import Item, Known, Product, Value
from steadynorm.source.torch.averaging import IN_PLACE, related, writes
from steadynorm.source.torch.copied import copied_keys, is_copy
from steadynorm.source.torch.known import is_loaded
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.program import Group, Role, TorchProgram
from steadynorm.source.torch.trainers import FIT_HOOKS, STEP_HOOKS
from steadynorm.source.torch.words import BUFFERS, PARAMETERS

_OF_STATES = frozenset({".values", ".items", ".detach"})


def is_moved(program: TorchProgram, key: Key, uses: Sequence[Call]) -> bool:
    """Whether a model that takes part in a training is given other weights while that goes on.

    A copy that is made before the training, to begin with, moves nothing.
    """
    made = program.models.made_by(key)
    anew = set() if made is None else set(map(id, made.within))
    loops = {id(block) for use in uses for block in use.within if isinstance(block, Loop)} - anew
    return any(
        related(program, target, key) and any(id(block) in loops or _is_of_fit(block) for block in within)
        for target, within in _written(program)
    )


def takes_over(program: TorchProgram, group: Group) -> bool:
    """Whether a model is a copy of one that was trained or loaded before, or that it follows while that is trained."""
    earlier = () if program.before is None else program.before.run.calls()
    for call in (each for each in (*earlier, *program.run.calls()) if is_copy(each)):
        for original, copy in copied_keys(call, program.models).items():
            if program.models.is_within(group.root, copy) and _gives_weights(program, original, copy, call):
                return True
    return False


def _gives_weights(program: TorchProgram, original: Key, copy: Key, call: Call) -> bool:
    """Whether the weights of a copy are trained ones."""
    if is_loaded(program, original, call.index):
        return True
    groups = (each for each in (*program.groups, *program.guessed) if each.role is Role.TRAIN)
    trained = [use for each in groups if related(program, each.root, original) for use in each.uses]
    loops = {id(block) for block in call.within if isinstance(block, Loop)}
    if any(use.index < call.index or any(id(block) in loops for block in use.within) for use in trained):
        return True
    return bool(trained) and (
        any(each.name == ".update_parameters" and each.receiver is call.result for each in program.run.calls())
        or any(related(program, target, copy) for target, _ in _written(program))
    )


def _written(program: TorchProgram) -> Iterator[tuple[Key, tuple[Block, ...]]]:
    for write in writes(program):
        yield write.target, write.within
    for call in program.run.calls():
        target = _target(program, call)
        if target is not None and any(not related(program, target, each) for each in _sources(program, call)):
            yield target, call.within


def _target(program: TorchProgram, call: Call) -> Key | None:
    """The model whose state a call writes into."""
    if call.name == ".load_state_dict":
        return program.models.key(call.receiver)
    return _owner_of_state(program, call.receiver) if call.name in IN_PLACE else None


def _owner_of_state(program: TorchProgram, value: Value | None) -> Key | None:
    """The model that a tensor of a state belongs to."""
    position: Value | None = None
    while value is not None:
        if isinstance(value, Item):
            position, value = value.key if isinstance(value.key, Known) else position, value.of
        elif not isinstance(value, Product):
            return None
        elif value.call.name in BUFFERS:
            return program.models.key(value.call.receiver)
        elif value.call.name == "builtins.zip" and isinstance(position, Known) and isinstance(position.value, int):
            value, position = value.call.argument(position.value), None
        elif value.call.name in _OF_STATES or value.call.name in IN_PLACE:
            value = value.call.receiver
        else:
            return None
    return None


def _sources(program: TorchProgram, call: Call) -> Iterator[Key]:
    """The models whose state a call is given."""
    for other in calls_behind(*call.arguments, *call.keywords.values()):
        key = program.models.key(other.receiver) if other.name in BUFFERS | PARAMETERS else None
        if key is not None:
            yield key


def _is_of_fit(block: Block) -> bool:
    """Whether it is a method that Lightning calls in every epoch or step."""
    return isinstance(block, Callback) and block.call is None and block.argument in (*FIT_HOOKS, *STEP_HOOKS)
