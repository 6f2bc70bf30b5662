"""Lists that a loop's body grows: of a loop that is not gone through item by item, one iteration is run for all."""

from __future__ import annotations

from steadynorm.source.symbolic.machine import Machine
from steadynorm.source.symbolic.trace import Loop
from steadynorm.source.symbolic.values import Items, Value


def made_here(machine: Machine, made: Items) -> Items:
    """A new list, with the blocks around the spot where it is made."""
    made.within = machine.within
    return made


def grow(machine: Machine, of: Items, items: tuple[Value, ...], counted: bool = True) -> None:
    """Gives a list more members.

    Arguments:
        machine: the machine.
        of: the list.
        items: all its members from now on.
        counted: whether none of those that are new stands for several.
    """
    machine.journal.put(of.cell, "items", items)
    if of.counted and (not counted or grows_unseen(machine, of)):
        machine.journal.put(of.cell, "several", True)


def grows_unseen(machine: Machine, of: Items) -> bool:
    """Whether what a list is given here, it is given again by iterations of a loop that are not run."""
    return any(type(block) is Loop and not block.unrolled and block not in of.within for block in machine.within)
