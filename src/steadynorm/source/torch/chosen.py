"""Modes that are chosen anew before each training, as by `if phase == "train": model.train() else: model.eval()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from steadynorm.source.symbolic.trace import Block, Branch, Call, Loop
from steadynorm.source.symbolic.values import Attribute, Expression, Item, Known, Value
from steadynorm.source.torch.program import Group
from steadynorm.source.torch.state import Fact


def is_chosen_anew(by: Call, group: Group, facts: Iterable[Fact]) -> bool:
    """Whether a switch to inference mode stands before a training in its loop, where another arm calls `train()`: the
    arm of the training, or the other one of the same condition."""
    if not _precedes(by, group):
        return False
    trains = [fact.by for fact in facts if fact.training and fact.by is not None and _precedes(fact.by, group)]
    off = list(_arms(by.within))
    if any(
        _contradict(arm, other) and arm.place == other.place
        for call in trains
        for arm in _arms(call.within)
        for other in off
    ):
        return True
    around = set(map(id, group.first.within))
    steps = [arm for step in group.steps if step.call is not None for arm in _arms(step.call.within)]
    return any(_contradict(arm, step) for arm in off for step in steps) and any(
        all(id(arm) in around or any(_is_same_arm(arm, step) for step in steps) for arm in _arms(call.within))
        for call in trains
    )


def _precedes(call: Call, group: Group) -> bool:
    """Whether a call is made before the model's in one iteration of a loop."""
    loops = {id(block) for block in group.first.within if isinstance(block, Loop)}
    return call.index < group.first.index and any(id(block) in loops for block in call.within)


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
