"""The state of a symbolic run, and the doors between its parts: evaluating, executing, calling.

The parts (`expressions`, `statements`, `calls`, `imports`) know the machine, and each other only through it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from steadynorm.place import Place
from steadynorm.source.symbolic.modules import Module, Project
from steadynorm.source.symbolic.scope import Journal, Scope
from steadynorm.source.symbolic.trace import (
    LEAVE,
    Assign,
    Block,
    Call,
    Carry,
    Event,
    Frame,
    Return,
    Run,
    name_of,
)
from steadynorm.source.symbolic.values import Class, External, Function, Known, Product, Unknown, Value

MOST_EVENTS = {"script": 10_000, "function": 1_000, "class": 1_000}
"""Events of one run; a network that is unrolled further has told what it can."""

MOST_STEPS = {"script": 150_000, "function": 10_000, "class": 10_000}
"""Expressions that one run evaluates."""

_NAMELESS = frozenset({Known, External, Function, Class, Unknown})
"""What is no value by itself, or has a name of its own."""

DEEPEST = 40
"""Functions of the project that are within each other."""


class Flow(Enum):
    """How a statement ends."""

    NEXT = 0
    LEFT = 1
    BROKE = 2
    WENT_ON = 3


class ExhaustedError(Exception):
    """A run has used up its steps."""


@dataclass(slots=True, eq=False)
class Activation:
    """A function that is being run.

    Arguments:
        frame: as the trace has it.
        module: where its source stands.
        returned: the values that it gave so far.
        yielded: the values that it yielded.
        on_yield: the body of the with statement whose context manager it is.
        running: the nodes of the functions that are being run, this one last; counted once more in a class's body.
    """

    frame: Frame | None
    module: Module
    running: tuple[ast.AST, ...] = ()
    returned: list[Value] = field(default_factory=list)
    yielded: list[Value] = field(default_factory=list)
    on_yield: Callable[[], None] | None = None


Spot: TypeAlias = tuple[str, int, int]
"""Where a function is defined: what tells it from all others, in another process as well."""


def spot_of(function: Function) -> Spot:
    """Where a function of the project is defined."""
    return function.module.file.path, function.node.lineno, function.node.col_offset


@dataclass(slots=True, eq=False)
class Memory:
    """What a machine remembers of the runs so far, and goes by in those to come.

    Arguments:
        seen: the functions that were run.
        imported: the modules that others import.
        registering: decorators of the project that note a function somewhere and give it back, which need not be seen
            twice.
        endless: decorators of the project that have used up a run by themselves, and are not run again.
        entered: how often each function was run on behalf of entry points that are no scripts.
    """

    seen: set[Spot] = field(default_factory=set)
    imported: set[Module] = field(default_factory=set)
    registering: set[ast.AST] = field(default_factory=set)
    endless: set[ast.AST] = field(default_factory=set)
    entered: Counter[ast.AST] = field(default_factory=Counter)

    def copy(self) -> Memory:
        """The same, to be changed by itself."""
        return Memory(
            set(self.seen), set(self.imported), set(self.registering), set(self.endless), Counter(self.entered)
        )


Evaluate = Callable[["Machine", Any, Scope], Value]
Execute = Callable[["Machine", Sequence[ast.stmt], Scope], Flow]
CallValue = Callable[["Machine", Value, "Arguments"], Value]
Load = Callable[["Machine", Module], Scope]


@dataclass(slots=True, eq=False)
class Arguments:
    """What a call is given.

    Arguments:
        positional: in order, with lists that are known spread out.
        named: by keyword.
        more: whether there are others that are not known.
        place: of the call.
        node: its node; `None` where something outside of the project calls.
        dropped: whether nobody takes the result.
        spread: what is given at positions or by names that are not known, as `*args`.
    """

    positional: tuple[Value, ...]
    named: Mapping[str, Value]
    more: bool
    place: Place
    node: ast.Call | None = None
    dropped: bool = False
    spread: tuple[Value, ...] = ()


class Machine:
    """One symbolic run after the other, over the modules of one project."""

    def __init__(
        self,
        project: Project,
        evaluators: Mapping[type[ast.expr], Evaluate],
        execute: Execute,
        call: CallValue,
        load: Load,
    ) -> None:
        self.project = project
        self.journal = Journal()
        self.scopes: dict[Module, Scope] = {}
        self.runs: list[Run] = []
        self.memory = Memory()
        self.thorough = False
        """Whether functions are run as often as the run comes to them, because it may train and ask one model."""
        self.changed: dict[Class, frozenset[str]] = {}
        """By class, the attributes that its methods set."""
        self.concerning: dict[ast.AST, bool] = {}
        """Whether functions and classes are about the subject by their own text."""
        self.carried: dict[ast.stmt, tuple[str, ...]] = {}
        """By the first statement of a loop's body, the names that the body reads and sets."""
        self.counters: dict[ast.stmt, tuple[ast.Name | ast.Attribute, ...]] = {}
        """By the first statement of a loop's body, what the body counts up."""
        self._places: dict[ast.AST, Place] = {}
        self.activations: list[Activation] = []
        self.run = Run("script", "", "")
        self.on_yield: Callable[[], None] | None = None
        """For the function that is called next: the body of the with statement whose context manager it is."""
        self.within: tuple[Block, ...] = ()
        """The blocks around the present spot, outermost first."""
        self._steps = 0
        self._most_steps = MOST_STEPS["script"]
        self._evaluators, self._execute, self._call, self._load = evaluators, execute, call, load

    @property
    def module(self) -> Module:
        """The module whose source is being run."""
        return self.activations[-1].module

    @property
    def activation(self) -> Activation:
        """The function, or the module, that is being run."""
        return self.activations[-1]

    def evaluate(self, node: ast.expr, scope: Scope) -> Value:
        """What an expression gives."""
        self._steps += 1
        if self._steps > self._most_steps:
            raise ExhaustedError
        return self._evaluators[type(node)](self, node, scope)

    def execute(self, body: Sequence[ast.stmt], scope: Scope) -> Flow:
        """Runs statements."""
        return self._execute(self, body, scope)

    def call(self, callee: Value, arguments: Arguments) -> Value:
        """Calls something."""
        return self._call(self, callee, arguments)

    @property
    def spent(self) -> float:
        """The share of what a run may do that the present one has done."""
        return max(self._steps / self._most_steps, len(self.run.events) / MOST_EVENTS[self.run.kind])

    def load(self, module: Module) -> Scope:
        """The names of a module, which is run if it has not been."""
        return self._load(self, module)

    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Where a node stands."""
        # A function is run several times, and has its places made once.
        place = self._places.get(node)
        if place is None:
            path = self.activations[-1].module.file.path
            place = self._places[node] = Place(
                path, node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0
            )
        return place

    def record(self, callee: Value, arguments: Arguments) -> Call:
        """Notes a call of something outside of the project; its result is a `Product` unless set otherwise."""
        name, receiver = name_of(callee)
        call = Call(
            len(self.run.events),
            callee,
            name,
            receiver,
            arguments.positional,
            arguments.named,
            arguments.more,
            arguments.place,
            self.within,
            arguments.node,
            dropped=arguments.dropped,
            spread=arguments.spread,
        )
        call.result = Product(call)
        self.note(call)
        return call

    def assigned(self, target: Value, name: str, value: Value, place: Place) -> None:
        """Notes that an attribute was set."""
        self.note(Assign(len(self.run.events), target, name, value, place, self.within))

    def bound(self, name: str, value: Value) -> None:
        """Notes the name that a value gets, if it is its first and the value is one by itself."""
        if type(value) not in _NAMELESS:
            self.run.named.setdefault(value, name)

    def carry(self, name: str, before: Value, after: Value) -> None:
        """Notes that a loop's next iteration begins with another value of a name."""
        self.note(Carry(len(self.run.events), name, before, after, self.within))

    def returned(self, frame: Frame, value: Value) -> None:
        """Notes what a function of the project gave."""
        self.note(Return(len(self.run.events), frame, value, self.within))

    def inside(self, block: Block) -> Inside:
        """A block around what is run inside."""
        return Inside(self, block)

    @contextmanager
    def separate(self, run: Run) -> Iterator[None]:
        """A run of its own, whatever another one is in the middle of."""
        before = self.run, self.within, self._steps, self._most_steps, self.activations
        self.run, self.within, self._steps, self._most_steps, self.activations = run, (), 0, MOST_STEPS[run.kind], []
        self.runs.append(run)
        try:
            yield
        except (ExhaustedError, RecursionError):
            run.whole = False
        finally:
            self.run, self.within, self._steps, self._most_steps, self.activations = before

    @contextmanager
    def continued(self, run: Run, module: Module) -> Iterator[None]:
        """A run that is over goes on, in a module."""
        whole = run.whole
        with self.separate(run):
            self.runs.pop()
            self.activations.append(Activation(None, module))
            yield
        # What came first was followed to its end, whatever comes after.
        run.whole = whole

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """What is done inside is not undone with what is around it."""
        before, self.journal = self.journal, Journal()
        try:
            yield
        finally:
            self.journal = before

    def note(self, event: Event) -> None:
        """Notes an event."""
        if len(self.run.events) > MOST_EVENTS[self.run.kind]:
            raise ExhaustedError
        self.run.events.append(event)


class Inside:
    """A block around what is run in a with statement. It is a class since a generator takes twice the time, and half of
    all events are blocks that begin or end."""

    __slots__ = ("_around", "_block", "_machine")

    def __init__(self, machine: Machine, block: Block) -> None:
        self._machine, self._block, self._around = machine, block, machine.within

    def __enter__(self) -> None:
        machine = self._machine
        machine.within = (*self._around, self._block)
        machine.note(self._block)

    def __exit__(self, *error: object) -> None:
        machine = self._machine
        machine.within = self._around
        machine.run.events.append(LEAVE)
