"""Where an evaluation is told from the training that goes through the same helper function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from steadynorm.place import Place
from steadynorm.source.symbolic.trace import Call, Frame
from steadynorm.source.symbolic.values import Instance
from steadynorm.source.torch.known import name_of
from steadynorm.source.torch.program import Group, Role, TorchProgram, is_forward
from steadynorm.source.torch.sightings import called


@dataclass(frozen=True, slots=True)
class Entrance:
    """The place at which an evaluation could be switched.

    Arguments:
        place: the innermost place on the way to the model's call that no training goes through; the model's call itself
            if training goes through all of them, or through none.
        model: how the model is called there.
        shared: whether training goes through all of them, so that nothing can be put there.
    """

    place: Place | None
    model: str
    shared: bool = False


def entrance(program: TorchProgram, group: Group) -> Entrance:
    """Where a call of a model that only asks it is told from calls that train."""
    written = (None if group.by_method else called(group.first)) or name_of(program, group.root)
    if group.role not in (Role.ASK, Role.AIDE):
        return Entrance(group.place, written)
    trained = (each for each in (*program.groups, *program.guessed) if each.role in (Role.TRAIN, Role.THROUGH))
    taken = {place for each in trained for use in each.uses for place in (use.place, *_places(use))}
    if group.place not in taken:
        return Entrance(group.place, written)
    for place, around in _way(group):
        if place not in taken:
            return Entrance(place, _name_in(program, group, around))
    return Entrance(group.place, written, shared=True)


def _places(use: Call) -> Iterator[Place]:
    """Where the functions were called that lead to a layer's call, those of the model with them."""
    return (frame.place for frame in use.stack if frame.place is not None)


def _way(group: Group) -> Iterator[tuple[Place, Frame | None]]:
    """The places on the way to a model's call, innermost first, each with the function that it stands in."""
    frames = list(takewhile(lambda frame: not is_forward(frame), group.first.stack))
    place = group.place
    while place is not None:
        yield place, frames[-1] if frames else None
        place = frames.pop().place if frames else None


def _name_in(program: TorchProgram, group: Group, around: Frame | None) -> str:
    """What a model is called in a function."""
    for name, value in ({} if around is None else around.arguments).items():
        if program.models.key(value) == group.root:
            return name
        if value is getattr(around, "receiver", None) and isinstance(value, Instance):
            for own, part in value.attributes.items():
                if program.models.key(part) == group.root:
                    return f"{name}.{own}"
    return name_of(program, group.root)
