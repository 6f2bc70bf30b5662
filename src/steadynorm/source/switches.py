"""Modes that are switched by calls: which switch a later call finds, on the first way there and in later iterations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from steadynorm.source.symbolic.trace import Block, Branch, Call, Loop


@dataclass(frozen=True, slots=True)
class Switch:
    """A call that sets a mode.

    Arguments:
        call: the call.
        training: whether it sets the training mode.
    """

    call: Call
    training: bool


@dataclass(frozen=True, slots=True)
class State:
    """A mode that a call may find.

    Arguments:
        switch: what set it; `None` for the state at the beginning.
        loop: the loop whose earlier iteration set it; `None` for the way through the program's lines.
    """

    switch: Switch | None
    loop: Loop | None = None


def states_at(call: Call, switches: Iterable[Switch]) -> Iterator[State]:
    """The states that a call may find, each on a way through the program that there is.

    Arguments:
        call: the call.
        switches: what sets the mode of what it calls, in their order.
    """
    relevant = [each for each in switches if not _excluded(each.call, call)]
    before = [each for each in relevant if each.call.index < call.index]
    last = _last_ones(before)
    yield from (State(switch) for switch in last)
    if not any(_is_sure(switch.call, call.within) for switch in last):
        yield State(None)
    for loop in (block for block in call.within if isinstance(block, Loop)):
        if any(loop in each.call.within and _is_sure(each.call, call.within) for each in before):
            continue
        later = [each for each in relevant if each.call.index > call.index and loop in each.call.within]
        yield from (State(switch, loop) for switch in _last_ones(later))


def _last_ones(switches: list[Switch]) -> list[Switch]:
    """The switches that may be the last ones, the latest first: no later one is made whenever they are."""
    found: list[Switch] = []
    for switch in reversed(switches):
        if not any(_is_sure(later.call, switch.call.within) for later in found):
            found.append(switch)
    return found


def _is_sure(call: Call, within: tuple[Block, ...]) -> bool:
    """Whether a call is made whenever the blocks are run that both stand in."""
    return all(block in within for block in call.within if isinstance(block, Branch))


def _excluded(call: Call, other: Call) -> bool:
    """Whether two calls stand in different arms of one condition."""
    arms = {id(block.node): block.arm for block in other.within if isinstance(block, Branch)}
    return any(
        isinstance(block, Branch) and arms.get(id(block.node), block.arm) is not block.arm for block in call.within
    )
