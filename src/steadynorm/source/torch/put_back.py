"""Modes that a program keeps to put them back: what it reads of `training`, and stacks of contexts that switch it."""

from __future__ import annotations

from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Assign, Branch, Call, Run
from steadynorm.source.symbolic.values import Attribute, Product, Value


def reads_of_modes(run: Run) -> dict[int, list[Attribute]]:
    """By the position of an event the modes that were read, to be put back later, just before it."""
    values: list[Value] = []
    for event in run.events:
        if type(event) is Branch:
            values.append(event.test)
        elif type(event) is Call and event.name == ".train":
            values += [*event.arguments, *event.keywords.values()]
    reads: dict[int, list[Attribute]] = {}
    for value in inside(*values):
        if isinstance(value, Attribute) and value.name == "training":
            later = (event for event in run.events[value.read :] if isinstance(event, Call | Assign))
            following = next(later, None)
            if following is not None:
                reads.setdefault(following.index, []).append(value)
    return reads


def stacks_of_contexts(run: Run) -> set[int]:
    """The stacks of contexts that may switch a mode, and switch it back when the stack is left."""
    return {
        id(call.receiver)
        for call in run.calls()
        if call.name == ".enter_context"
        and not any(isinstance(each, Product) and each.call.name.startswith("torch.") for each in call.arguments)
    }
