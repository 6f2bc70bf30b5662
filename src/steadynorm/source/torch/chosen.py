"""Modes that are chosen anew before each training, as by `if phase == "train": model.train() else: model.eval()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from steadynorm.source.symbolic.trace import Block, Branch, Call, Loop
from steadynorm.source.symbolic.values import Attribute, Expression, Item, Known, Value
from steadynorm.source.torch.program import Group
from steadynorm.source.torch.state import Fact


def is_chosen_anew(by: Call, group: Group, facts: Iterable[Fact]) -> bool:
    """Whether each training comes through a `train()` of its own behind a switch to inference mode: in the other arm of
    that one's condition, or in an arm that the training is in, too."""
    trains = [fact.by for fact in facts if fact.training and fact.by is not None and _precedes(fact.by, group)]
    off = list(_arms(by.within))
    if _precedes(by, group) and any(
        _is_other_arm(arm, other) for call in trains for arm in _arms(call.within) for other in off
    ):
        return True
    steps = [arm for step in group.steps if step.call is not None for arm in _arms(step.call.within)]
    own = [call for call in trains if _is_made(call, group, steps) and _loops_of(by, group) <= _loops_of(call, group)]
    excluded = any(_contradict(arm, step) for arm in off for step in steps)
    return any(excluded or not call.index < by.index < group.first.index for call in own)


def _is_made(call: Call, group: Group, steps: list[Branch]) -> bool:
    """Whether a call is made whenever the step is that a model's call leads to."""
    around = set(map(id, group.first.within))
    return all(id(arm) in around or any(_is_same_arm(arm, step) for step in steps) for arm in _arms(call.within))


def _loops_of(call: Call, group: Group) -> set[int]:
    """The loops that a call is in with the model's."""
    around = set(map(id, group.first.within))
    return {id(block) for block in call.within if isinstance(block, Loop) and id(block) in around}


def _is_other_arm(one: Branch, other: Branch) -> bool:
    return one.place == other.place and _contradict(one, other)


def _precedes(call: Call, group: Group) -> bool:
    """Whether a call is made before the model's in one iteration of a loop."""
    return call.index < group.first.index and bool(_loops_of(call, group))


def _arms(within: tuple[Block, ...]) -> Iterator[Branch]:
    return (block for block in within if isinstance(block, Branch))


def _is_same_arm(one: Branch, other: Branch) -> bool:
    return one.arm is other.arm and _is_same(one.test, other.test)


def _contradict(one: Branch, other: Branch) -> bool:
    """Whether the program never comes to both arms while their conditions' values stay the same."""
    if _is_same(one.test, other.test):
        return one.arm is not other.arm
    return one.arm and other.arm and _are_different_constants(one.test, other.test)


def _are_different_constants(one: Value, other: Value) -> bool:
    """Whether something is compared with one constant here, and with another one there."""
    if not (isinstance(one, Expression) and isinstance(other, Expression) and one.operator == other.operator == "Eq"):
        return False
    (subject, wanted), (other_subject, other_wanted) = one.operands, other.operands
    known = isinstance(wanted, Known) and isinstance(other_wanted, Known) and wanted != other_wanted
    return known and _is_same(subject, other_subject)


def _is_same(one: Value, other: Value) -> bool:
    """Whether two values were written alike, of the same things."""
    if one is other or one == other:
        return True
    if isinstance(one, Expression) and isinstance(other, Expression):
        pairs = list(zip(one.operands, other.operands, strict=False))
        return (
            one.operator == other.operator
            and len(one.operands) == len(other.operands)
            and all(_is_same(first, second) for first, second in pairs)
        )
    if isinstance(one, Item) and isinstance(other, Item) and one.key is not None and other.key is not None:
        return _is_same(one.of, other.of) and _is_same(one.key, other.key)
    if isinstance(one, Attribute) and isinstance(other, Attribute):
        return one.name == other.name != "training" and _is_same(one.of, other.of)
    return False
