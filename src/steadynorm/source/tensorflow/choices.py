"""SN207 in TensorFlow 1: conditions that choose between tensors built outside of their branches."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Call, Callback
from steadynorm.source.tensorflow.by_hand import condition_of, is_condition
from steadynorm.source.tensorflow.mode import Source
from steadynorm.source.tensorflow.norms import Norm, Updates
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.world import World


def updates_outside(world: World) -> Iterator[Sighting]:
    """Conditions on the mode whose branches hand out what was computed before them, updates included."""
    for call in world.run.calls():
        if is_condition(call):
            for norm in _outside(world, call):
                whole = norm.updates is Updates.IN_PLACE or _hands_out(world, call, norm)
                yield seen(
                    "SN207",
                    call.place,
                    norm.subject,
                    "outside" if whole else "moments",
                    related=(norm.place, *(each.place for each in norm.assignments)),
                    first=norm.place,
                )


def chosen_outside(world: World) -> set[int]:
    """The layers of which a condition chooses one of several results, by identity."""
    found: set[int] = set()
    for call in world.run.calls():
        if is_condition(call):
            reached = world.reach.of(*call.callbacks.values(), data=True)
            found |= {
                id(norm)
                for norm in world.norms_in(reached)
                if _beside(norm.call, call) and not _is_within(norm.call, call)
            }
    return found


def _outside(world: World, condition: Call) -> Iterator[Norm]:
    """Layers of the same function whose updates run for whatever a condition chooses."""
    reached = world.reach.of(*condition.callbacks.values())
    for norm in world.norms:
        if norm.updates is Updates.IN_PLACE:
            updating: tuple[Call, ...] = (norm.call,)
            if norm.mode.source is not Source.FIXED or not norm.mode.fixed:
                continue
        elif norm.updates is Updates.BY_HAND:
            updating = norm.assignments
        else:
            continue
        for call in updating:
            if call in reached and _beside(call, condition) and condition_of(call) is None:
                yield norm
                break


def _hands_out(world: World, condition: Call, norm: Norm) -> bool:
    return norm.call in world.reach.of(*condition.callbacks.values())


def _beside(call: Call, condition: Call) -> bool:
    """Whether a call stands in the same function as a condition."""
    return call.stack[-1:] == condition.stack[-1:]


def _is_within(call: Call, condition: Call) -> bool:
    return any(isinstance(block, Callback) and block.call is condition for block in call.within)
