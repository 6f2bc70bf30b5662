"""The modes of models at one moment of a run, and what is seen of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.torch.models import Key

Spot: TypeAlias = tuple[Key, bool]
"""A model or part, and whether only the normalization layers inside are meant."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One mode that a model may have.

    Arguments:
        training: whether it is training mode; `None` if that is not known.
        by: the call that set it; `None` for how it was made.
        target: the model that the call was made on.
        whole: whether it was made on all of that, and not on its normalization layers only.
    """

    training: bool | None
    by: Call | None = None
    target: Key = ()
    whole: bool = True


def all_train(facts: frozenset[Fact]) -> bool:
    """Whether training mode is the only one among the modes that something may have."""
    return {fact.training for fact in facts} == {True}


@dataclass(frozen=True, slots=True)
class Entry:
    """What was set for one model or part: its modes, and when they were set, of all that is set."""

    facts: frozenset[Fact]
    stamp: int

    @property
    def frozen_by(self) -> Call | None:
        """A call that put it into inference mode; `None` if there is none."""
        return next((fact.by for fact in self.facts if fact.training is False and fact.by is not None), None)


@dataclass(slots=True)
class State:
    """The modes at one moment.

    Arguments:
        entries: what was set for models and parts, where nothing around them was set later.
        undone: parts that were put into inference mode by themselves, and by what that was undone.
    """

    entries: dict[Spot, Entry] = field(default_factory=dict)
    undone: dict[Spot, tuple[Call, Call]] = field(default_factory=dict)

    def copy(self) -> State:
        """The same modes, to go on from."""
        return State(dict(self.entries), dict(self.undone))

    def modes(self) -> dict[Spot, frozenset[Fact]]:
        """What is set, to compare it."""
        return {spot: entry.facts for spot, entry in self.entries.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """A call at one moment of the run.

    Arguments:
        order: its position among all observations.
        call: the call.
        facts: the modes that what is called may have.
        undone: for a part that was frozen by inference mode the call that froze it, and the one that undid that.
        still: parts inside of what is called that may be in inference mode by themselves.
        later: whether it is a further iteration of a loop.
        free: whether somebody unknown calls the function that it stands in.
    """

    order: int
    call: Call
    facts: frozenset[Fact]
    undone: tuple[Call, Call] | None
    still: frozenset[Key]
    later: bool
    free: bool

    @property
    def trains(self) -> bool:
        """Whether it surely is in training mode."""
        return all_train(self.facts)
