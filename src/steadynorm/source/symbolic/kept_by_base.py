"""What the constructor of a framework's class keeps of its arguments, for methods of a user's class made from it."""

from __future__ import annotations

from steadynorm.source.symbolic.machine import Arguments
from steadynorm.source.symbolic.scope import Journal
from steadynorm.source.symbolic.values import Instance

_KEPT = (("transformers.", "Trainer", {"model": 0, "args": 1}),)
"""Beginning and end of the names of classes, with what is kept under its own name and where it stands."""


def keep(instance: Instance, arguments: Arguments, journal: Journal) -> None:
    """Sets the attributes that the base of a project's class makes of what its constructor is given."""
    for base in instance.of.external_bases():
        for beginning, end, kept in _KEPT:
            for name, position in kept.items() if base.startswith(beginning) and base.endswith(end) else ():
                if name in arguments.named:
                    journal.put(instance.attributes, name, arguments.named[name])
                elif position < len(arguments.positional):
                    journal.put(instance.attributes, name, arguments.positional[position])
