"""What an expression may stand for in a symbolic run.

Values are compared by identity, so that a value is also a place in the data flow: two calls of the same function
give two products. `Known` constants are the exception: they are equal where their Python values are.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steadynorm.place import Place
    from steadynorm.source.symbolic.modules import Module
    from steadynorm.source.symbolic.scope import Scope
    from steadynorm.source.symbolic.trace import Block, Call

MOST_CHOICES = 6
"""Values that one name may have; with more, nothing is known."""


class Value:
    """Anything that an expression may give."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Unknown(Value):
    """Nothing is known, and so nothing is proven with it."""


@dataclass(slots=True, eq=False)
class Known(Value):
    """A constant: None, a bool, a number, a string or bytes; never changed, though not frozen, since a run makes a
    hundred thousand of them and a frozen one takes twice as long to make."""

    value: Any

    def __eq__(self, other: object) -> bool:
        # 1 == True, but as arguments they are not the same.
        return isinstance(other, Known) and type(other.value) is type(self.value) and other.value == self.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(slots=True, frozen=True)
class External(Value):
    """Something outside of the project, by its canonical dotted name, as `torch.nn.BatchNorm2d`."""

    name: str


@dataclass(slots=True, eq=False)
class Product(Value):
    """What a call outside of the project gave."""

    call: Call


@dataclass(slots=True, eq=False)
class Attribute(Value):
    """An attribute of something that is not known in detail, as `x.shape` of a tensor.

    Arguments:
        of: the object.
        name: the attribute's name.
        read: how many events the trace had when it was read: what it gives may change later.
    """

    of: Value
    name: str
    read: int = 0


@dataclass(slots=True, eq=False)
class Item(Value):
    """An item of something that is not known in detail: by key, or by iteration, where the key is `None`.

    Arguments:
        of: what it is an item of.
        key: its key.
        place: where a slice was written; `None` for others.
    """

    of: Value
    key: Value | None = None
    place: Place | None = None


@dataclass(slots=True, eq=False)
class Expression(Value):
    """An operator on values that are not all constants.

    Arguments:
        operator: the name of its `ast` class, as `Add`, `Not`, `Is`, `And`, `JoinedStr`; `Lambda` never.
        operands: in order of the source.
        place: where it was written; `None` for a slice.
    """

    operator: str
    operands: tuple[Value, ...]
    place: Place | None = None


@dataclass(slots=True, eq=False)
class Parameter(Value):
    """A parameter of a function that nobody in the project calls, or that others call."""

    name: str
    default: Value | None = None


@dataclass(slots=True, eq=False)
class Items(Value):
    """A list, tuple or set.

    Arguments:
        kind: `list`, `tuple` or `set`.
        cell: holds the members under `items`; changed through a `Journal` only.
        complete: whether these are all of them, each surely there, in this order.
        place: where it was written.
        within: the blocks around the spot where it was made, outermost first; empty where that was not noted.
    """

    kind: str
    cell: dict[str, Any]
    complete: bool = True
    place: Place | None = None
    within: tuple[Block, ...] = ()

    @property
    def items(self) -> tuple[Value, ...]:
        """The members."""
        items: tuple[Value, ...] = self.cell["items"]
        return items

    @property
    def whole(self) -> bool:
        """Whether the members are all of them, for sure and in this order."""
        return self.complete and not self.cell.get("lost", False)

    @property
    def counted(self) -> bool:
        """Whether there are as many as its members; one that a loop has put there stands for all its iterations."""
        return self.whole and not self.cell.get("several", False)


@dataclass(slots=True, eq=False)
class Table(Value):
    """A dict: values by constant keys.

    Arguments:
        entries: by the Python value of the key; changed through a `Journal` only.
        complete: whether there are no others.
        place: where it was written.
    """

    entries: dict[Any, Value]
    complete: bool = True
    place: Place | None = None


@dataclass(slots=True, eq=False)
class Comprehension(Value):
    """A list, set, dict or generator made by a comprehension over something that is not known item by item.

    Arguments:
        element: the value for one item (of a dict: the value; its key is `key`).
        sources: what is iterated over.
        tests: the conditions.
        key: of a dict comprehension.
        place: where it was written.
    """

    element: Value
    sources: tuple[Value, ...]
    tests: tuple[Value, ...]
    key: Value | None = None
    place: Place | None = None


@dataclass(slots=True, eq=False)
class Function(Value):
    """A function or lambda of the project.

    Arguments:
        node: its definition.
        module: where it is defined.
        scope: the scope around it.
        name: its qualified name, as `Net.forward`.
        owner: the class whose method it is.
        defaults: evaluated defaults by parameter name.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    scope: Scope
    name: str
    owner: Class | None = None
    defaults: Mapping[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Class(Value):
    """A class of the project.

    Arguments:
        node: its definition.
        module: where it is defined.
        name: its qualified name.
        bases: the bases, evaluated.
        members: what its body defines.
        fields: names with annotations, in order: the parameters of a dataclass.
        decorators: evaluated, in order of the source.
    """

    node: ast.ClassDef
    module: Module
    name: str
    bases: tuple[Value, ...]
    members: dict[str, Value]
    fields: tuple[str, ...] = ()
    decorators: tuple[Value, ...] = ()
    _lineage: tuple[Class, ...] = ()
    _external: tuple[str, ...] | None = None

    def lineage(self) -> tuple[Class, ...]:
        """This class and its bases in the project, nearest first."""
        if not self._lineage:
            self._lineage = self._found_lineage()
        return self._lineage

    def _found_lineage(self) -> tuple[Class, ...]:
        found: dict[int, Class] = {}
        pending: list[Value] = [self]
        while pending:
            each = pending.pop(0)
            if isinstance(each, Class) and id(each) not in found:
                found[id(each)] = each
                pending.extend(each.bases)
        return tuple(found.values())

    def external_bases(self) -> tuple[str, ...]:
        """The names of the bases outside of the project, of it and its bases."""
        if self._external is None:
            bases = (base for each in self.lineage() for base in each.bases)
            self._external = tuple(base.name for base in bases if isinstance(base, External))
        return self._external

    def member(self, name: str) -> Value | None:
        """What it or a base in the project defines as `name`."""
        for each in self.lineage():
            if name in each.members:
                return each.members[name]
        return None

    @property
    def whole(self) -> bool:
        """Whether all bases are known."""
        return all(isinstance(base, (Class, External)) for each in self.lineage() for base in each.bases)


@dataclass(slots=True, eq=False)
class Instance(Value):
    """An object of a class of the project.

    Arguments:
        of: its class.
        attributes: what was assigned to it; changed through a `Journal` only.
        place: where it was made; `None` where the run made it up to look at a class that nobody uses.
        created: the event that made it.
    """

    of: Class
    attributes: dict[str, Value]
    place: Place | None = None
    created: Call | None = None


@dataclass(slots=True, eq=False)
class Bound(Value):
    """A method with its object."""

    function: Value
    instance: Value


@dataclass(slots=True, eq=False)
class Super(Value):
    """`super()`: an object seen as its class's bases."""

    instance: Value
    after: Class


@dataclass(slots=True, eq=False)
class Wrapped(Value):
    """A function that something outside of the project decorates or wraps: calling it calls the function.

    Arguments:
        function: what is wrapped.
        by: the decorator: an `External`, or the `Product` of its call.
        call: the call that wrapped it; `None` for a decorator without one.
    """

    function: Value
    by: Value
    call: Call | None = None


@dataclass(slots=True, eq=False)
class Partial(Value):
    """`functools.partial` of something."""

    function: Value
    arguments: tuple[Value, ...]
    keywords: Mapping[str, Value]
    place: Place | None = None


@dataclass(slots=True, eq=False)
class ModuleValue(Value):
    """A module of the project."""

    module: Module


@dataclass(slots=True, frozen=True)
class Imported(Value):
    """A name of another module of the project, which is not run before the name is used."""

    module: Module
    name: str


@dataclass(slots=True, eq=False)
class Choice(Value):
    """One of several values, by branches that were not decided."""

    options: tuple[Value, ...]


def unwrapped(value: Value) -> Value:
    """What is inside a bound, wrapped or partly applied function: the function, mostly."""
    while type(value) is Bound or type(value) is Wrapped or type(value) is Partial:
        value = value.function
    return value


def choice(options: list[Value]) -> Value:
    """One value for several possible ones."""
    if len(options) == 1:
        return options[0]
    flat: list[Value] = []
    for option in options:
        for each in option.options if type(option) is Choice else (option,):
            # But for constants and names a value equals itself alone.
            if each not in flat:
                flat.append(each)
    if len(flat) == 1:
        return flat[0]
    if len(flat) > MOST_CHOICES:
        return Unknown()
    return Choice(tuple(flat))


def options_of(value: Value) -> tuple[Value, ...]:
    """The values that a value may be."""
    return value.options if isinstance(value, Choice) else (value,)


def is_counted(value: Value) -> bool:
    """Whether a value that has members has as many as are known of it."""
    return type(value) is not Items or value.counted


def constant(value: Value | None) -> Any:
    """The Python value of a `Known`; `None` for anything else, as for `None` itself."""
    return value.value if type(value) is Known else None


def constant_bool(value: Value | None) -> bool | None:
    """The bool that a value is; `None` for anything else."""
    found = constant(value)
    return found if isinstance(found, bool) else None


def constant_int(value: Value | None) -> int | None:
    """The whole number that a value is; `None` for anything else, a bool among it."""
    found = constant(value)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def constant_number(value: Value | None) -> float | None:
    """The number that a value is, whole or not; `None` for anything else, a bool among it."""
    found = constant(value)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def constant_text(value: Value | None) -> str | None:
    """The string that a value is; `None` for anything else."""
    found = constant(value)
    return found if isinstance(found, str) else None


_TRUE = frozenset({Function, Class, Bound, Partial, Wrapped, ModuleValue})
"""What counts as true, whatever it is."""


def truth(value: Value) -> bool | None:
    """Whether a value counts as true; `None` where that is not known."""
    if type(value) is Known:
        return bool(value.value)
    if type(value) is Items:
        return bool(value.items) if value.whole else bool(value.items) or None
    if type(value) is Table:
        return bool(value.entries) if value.complete else bool(value.entries) or None
    if type(value) in _TRUE:
        return True
    if type(value) is Choice:
        truths = {truth(option) for option in value.options}
        return truths.pop() if len(truths) == 1 else None
    return None
