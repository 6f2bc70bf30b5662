"""What a symbolic run leaves: calls and assignments in their order, with the blocks that they stood in.

A trace is linear. Functions of the project are run in place, so that a call knows the whole way that led to it
(`Call.stack`) and all branches, loops and with-blocks around it, those of its callers included (`Call.within`).
The same blocks stand in the line of events where they begin, and `LEAVE` where the last of them ends, for readers that
replay it: a loop's body stands there once, and a reader that wants a second iteration goes back to where it begins.

No kind of event or of value has kinds of its own. What asks for one of all events, or of all values, asks whether
`type(event) is Call`: an `isinstance` that fails takes four times as long, and most do.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from steadynorm.place import Place
from steadynorm.source.symbolic.values import (
    Attribute,
    Bound,
    Class,
    External,
    Function,
    Instance,
    Product,
    Value,
    Wrapped,
)


class Block:
    """What events are in: a function, an arm of a condition, the body of a loop or of a with statement, a callback."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Frame(Block):
    """A function of the project that is being run.

    Arguments:
        function: the function.
        place: where it was called; `None` where the run began with it, or something outside of the project calls it.
        receiver: the object whose method it is.
        arguments: what its parameters are bound to.
        given: the names of those that the call gave; the others are defaults.
    """

    function: Function
    place: Place | None
    receiver: Value | None = None
    arguments: Mapping[str, Value] = field(default_factory=dict)
    given: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Branch(Block):
    """One arm of an `if` whose test is not decided; the rest of a block after an arm that leaves it, as well.

    Arguments:
        test: the condition.
        arm: whether it holds in this arm.
        node: the condition as it is written; a few words where it is none of an `if`.
        place: of the condition.
    """

    test: Value
    arm: bool
    node: ast.expr | str
    place: Place

    @property
    def text(self) -> str:
        """The condition as it is written, to see that two tests are one."""
        return self.node if isinstance(self.node, str) else ast.unparse(self.node)


@dataclass(slots=True, eq=False)
class Loop(Block):
    """The body of a loop.

    Arguments:
        over: what is iterated over, or the test of a `while`.
        place: of the statement.
        unrolled: whether it stands for one iteration, and each of the others has a block of its own.
    """

    over: Value
    place: Place
    unrolled: bool = False


@dataclass(slots=True, eq=False)
class With(Block):
    """The body of a with statement; what runs under a decorator from outside of the project; a sequence of layers."""

    context: Value
    place: Place


@dataclass(slots=True, eq=False)
class Callback(Block):
    """A function of the project that was handed to something outside of it, run where it was handed over.

    Arguments:
        call: the call that it was handed to; `None` for methods of a framework's class that the framework calls.
        argument: its position or keyword there; the method's name without a call.
    """

    call: Call | None
    argument: int | str


@dataclass(slots=True, eq=False)
class Call:
    """A call of something outside of the project, or of an object of a project's class (its `callee` is an `Instance`).

    Arguments:
        index: its position in the trace.
        callee: what is called.
        name: its dotted name, as `torch.nn.BatchNorm2d`; for methods the method's name with a dot before it, as
            `.backward`; "" where neither is known.
        receiver: the object whose method is called.
        arguments: the positional ones.
        keywords: the named ones.
        more: whether `*args` or `**kwargs` that are not known in detail were given as well.
        place: of the call.
        within: the blocks around it, outermost first.
        node: the call's node; `None` for a decorator or an operator.
        callbacks: what functions of the project gave that were handed to it, by position or keyword.
        result: what it gave.
        added: what was put into its result later, layer by layer, under `items`; changed through a `Journal` only.
        dropped: whether it stands alone as a statement, so that nobody takes its result.
        spread: the lists and tables that were given as `*args` and `**kwargs` and are not known in detail.
    """

    index: int
    callee: Value
    name: str
    receiver: Value | None
    arguments: tuple[Value, ...]
    keywords: Mapping[str, Value]
    more: bool
    place: Place
    within: tuple[Block, ...]
    node: ast.Call | None = None
    callbacks: dict[int | str, Value] = field(default_factory=dict)
    result: Value | None = None
    added: dict[str, Any] = field(default_factory=dict)
    dropped: bool = False
    spread: tuple[Value, ...] = ()

    def argument(self, position: int | None, *names: str) -> Value | None:
        """The argument at a position or by one of its names; `None` where it is not given."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        if position is not None and position < len(self.arguments):
            return self.arguments[position]
        return None

    @property
    def stack(self) -> tuple[Frame, ...]:
        """The functions of the project that led to it, outermost first."""
        return tuple(block for block in self.within if type(block) is Frame)


@dataclass(slots=True, eq=False)
class Assign:
    """An attribute was set: of an object of the project, or of something from outside, as `bn.momentum = 0.9`.

    Arguments:
        index: its position in the trace.
        target: the object.
        name: the attribute.
        value: its new value.
        place: of the statement.
        within: the blocks around it, outermost first.
    """

    index: int
    target: Value
    name: str
    value: Value
    place: Place
    within: tuple[Block, ...]


class Leave:
    """The block that began last ends; `LEAVE` for all of them, since half of all events begin or end a block."""

    __slots__ = ()


LEAVE = Leave()


@dataclass(slots=True, eq=False)
class Return:
    """A function of the project gave a value; of the one that the run began with it goes to somebody unknown."""

    index: int
    frame: Frame
    value: Value
    within: tuple[Block, ...]


@dataclass(slots=True, eq=False)
class Carry:
    """A name that a loop's body reads has another value after it, which its next iteration begins with.

    Arguments:
        index: its position in the trace.
        name: the name.
        before: its value before the body.
        after: its value after it.
        within: the blocks around the body, with the loop's own.
    """

    index: int
    name: str
    before: Value
    after: Value
    within: tuple[Block, ...]


Event: TypeAlias = Call | Assign | Block | Leave | Return | Carry


@dataclass(slots=True, eq=False)
class Run:
    """What happened from one entry point on.

    Arguments:
        kind: `script` (a module from its first line), `function` (one that nobody in the project calls, run with
            its parameters unknown) or `class` (one that nobody in the project makes an object of: its methods).
        name: the entry's qualified name; the module's for a script.
        file: where the entry stands.
        events: in their order.
        whole: whether it was followed to its end; otherwise what is missing proves nothing.
        instances: the objects of the project's classes that were made in it.
        named: the first name or attribute that a value was assigned to, as `test_images`; its author's word for it.
    """

    kind: str
    name: str
    file: str
    events: list[Event] = field(default_factory=list)
    whole: bool = True
    instances: list[Instance] = field(default_factory=list)
    named: dict[Value, str] = field(default_factory=dict)
    _calls: list[Call] = field(default_factory=list, init=False, repr=False)
    _assigns: list[Assign] = field(default_factory=list, init=False, repr=False)
    _sorted: int = field(default=0, init=False, repr=False)
    """How many events these two lists are of: every reader asks for them, most of them several times."""

    def calls(self) -> Iterator[Call]:
        """The calls, in their order."""
        self._sort()
        return iter(self._calls)

    def assigns(self) -> Iterator[Assign]:
        """The assignments to attributes, in their order."""
        self._sort()
        return iter(self._assigns)

    def _sort(self) -> None:
        if self._sorted != len(self.events):
            self._calls = [event for event in self.events if type(event) is Call]
            self._assigns = [event for event in self.events if type(event) is Assign]
            self._sorted = len(self.events)


def name_of(callee: Value) -> tuple[str, Value | None]:
    """The name under which a call of this is recorded, and its receiver."""
    if type(callee) is External:
        return callee.name, None
    if type(callee) is Attribute:
        return f".{callee.name}", callee.of
    if isinstance(callee, Bound):
        return name_of(callee.function)[0], callee.instance
    if isinstance(callee, Class):
        return callee.name, None
    if isinstance(callee, Wrapped):
        return name_of(callee.function)
    if isinstance(callee, Product):
        return "", callee
    return "", None
