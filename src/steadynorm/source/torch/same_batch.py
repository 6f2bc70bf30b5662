"""Whether two calls of models are given one batch: the same values, or what is made of one item of a loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from steadynorm.source.symbolic.flow import inputs, parts
from steadynorm.source.symbolic.trace import Branch
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Expression,
    External,
    Instance,
    Item,
    Items,
    Known,
    Product,
    Value,
)
from steadynorm.source.torch.program import Group
from steadynorm.source.torch.words import MOVES, RESHAPES

_PASSES = (
    RESHAPES
    | MOVES
    | {".detach", ".requires_grad_", ".pin_memory", ".bfloat16", "torch.autograd.Variable", "torch.as_tensor"}
)
"""What gives the same samples again."""

Origin: TypeAlias = tuple[Value, tuple[object, ...]]
"""An item of a loop, or a value that is no item or attribute of another one, and what leads on from it."""


def is_of_step(asked: Group, training: Sequence[Group]) -> bool:
    """Whether a model is asked about samples that one of several calls trains with in the same step.

    What they are is followed back to an item of a loop and no further: the batches of two loaders, and the folds of one
    data set, are not the same. Nor is the step in one arm of a condition that of an arm which only asks.
    """
    own = [block for block in asked.first.within if isinstance(block, Branch)]
    idle = [arm for arm in own if not any(arm in other.first.within for other in training)]
    return any(is_same_batch(asked, other) for other in training if not any(_is_other_arm(arm, other) for arm in idle))


def _is_other_arm(arm: Branch, other: Group) -> bool:
    return any(
        isinstance(block, Branch) and block.test is arm.test and block.place == arm.place and block.arm is not arm.arm
        for block in other.first.within
    )


def is_same_batch(asked: Group, trained: Group) -> bool:
    """Whether two calls are given the same values, or the one what is made of the batch that the other is given."""
    if not {id(each) for each in asked.given if _is_data(each)}.isdisjoint(map(id, trained.given)):
        return True
    wanted = [origin for value in asked.given[:1] for origin in _samples(value)]
    if not wanted or not all(_is_batch(start) for start, _ in wanted):
        return False
    taken = [origin for value in trained.given for origin in _samples(value, further=True)]
    return all(any(_begins(origin, each) for each in taken) for origin in wanted)


def _is_data(value: Value) -> bool:
    """Whether it may be a tensor: what is written in a call, or configures it, is the same for all batches."""
    return not isinstance(value, Known | External | Instance)


def _samples(value: Value, further: bool = False) -> Iterator[Origin]:
    """Where the samples in a value come from, behind what only moves or reshapes them; with `further` what any other
    call was given counts, too, as a batch that is augmented."""
    seen: set[int] = set()
    pending = [value]
    for each in pending:
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Product):
            call = each.call
            if call.name in _PASSES:
                pending.append(call.arguments[0] if call.receiver is None and call.arguments else call.receiver or each)
                continue
            yield each, ()
            if further:
                pending += inputs(call)
        elif isinstance(each, Choice | Expression | Items):
            pending += parts(each)
        elif _is_data(each):
            yield _origin(each)


def _origin(value: Value) -> Origin:
    path: list[object] = []
    while not _is_batch(value):
        if isinstance(value, Item):
            path.append(_written(value.key))
            value = value.of
        elif isinstance(value, Attribute):
            path.append(value.name)
            value = value.of
        elif isinstance(value, Product) and value.call.name in _PASSES and value.call.receiver is not None:
            value = value.call.receiver
        else:
            break
    return value, tuple(reversed(path))


def _is_batch(value: Value) -> bool:
    """Whether it is an item of a loop, or the next one of an iterator."""
    return (isinstance(value, Item) and value.key is None) or (
        isinstance(value, Product) and value.call.name == "builtins.next"
    )


def _written(key: Value | None) -> object:
    """By what two keys are the same."""
    if isinstance(key, Known) or key is None:
        return key
    if isinstance(key, Expression | Items):
        return type(key), getattr(key, "operator", ""), tuple(map(_written, parts(key)))
    return _origin(key)


def _begins(origin: Origin, other: Origin) -> bool:
    """Whether the one is the other or a part of it."""
    return origin[0] is other[0] and origin[1][: len(other[1])] == other[1]
