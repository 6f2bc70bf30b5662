"""What the with blocks around a call mean to TensorFlow 1: default arguments, variable scopes, control dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from steadynorm.source.symbolic.trace import Block, Branch, Call, Callback, Frame, With
from steadynorm.source.symbolic.values import (
    Attribute,
    Bound,
    Choice,
    Expression,
    External,
    Function,
    Items,
    Known,
    Parameter,
    Product,
    Unknown,
    Value,
    Wrapped,
    constant_text,
)
from steadynorm.source.tensorflow.words import name_of, short

_PROCESSES = ("multiprocessing.Process", "multiprocessing.context.Process")
_PLAIN = re.compile(r"[\w./-]*")
"""Scopes that are written as names, not as patterns of them."""

_SHARING = ("tensorflow.AUTO_REUSE",)
_VARIABLE_SCOPES = ("tensorflow.variable_scope", "tensorflow.variable_op_scope")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What one arg_scope sets.

    Arguments:
        call: the call of arg_scope.
        operations: short names of what it is for, and functions of the project; `None` if that is not known.
        values: by keyword.
    """

    call: Call
    operations: tuple[str | Function, ...] | None
    values: Mapping[str, Value]


def contexts(call: Call) -> Iterator[Call]:
    """The calls that made the contexts of the with blocks around a call, innermost first."""
    for block in reversed(call.within):
        if isinstance(block, With) and isinstance(block.context, Product):
            yield block.context.call


def defaults_around(call: Call) -> Iterator[Defaults]:
    """What the arg_scopes around a call set, innermost first."""
    for context in contexts(call):
        if context.name == "slim.arg_scope":
            yield from _set_by(context)


def _set_by(scope: Call) -> Iterator[Defaults]:
    given = scope.argument(0, "list_ops_or_scope")
    if isinstance(given, Items):
        yield Defaults(scope, tuple(map(_operation, given.items)) if given.whole else None, scope.keywords)
    elif isinstance(given, Product) and given.call.name == "slim.arg_scope":
        # A scope that was made elsewhere holds what was around it there, too.
        yield from _set_by(given.call)
        yield from defaults_around(given.call)
    else:
        yield Defaults(scope, None, {})


def _operation(value: Value) -> str | Function:
    inner = value
    while isinstance(inner, Wrapped | Bound):
        inner = inner.function
    return inner if isinstance(inner, Function) else name_of(inner)


def argument(call: Call, operation: str, position: int | None, *names: str) -> Value | None:
    """An argument of a call of slim's or tf.contrib's, written there or set by an arg_scope; `None` without one.

    Arguments:
        call: the call.
        operation: the short name of what is called.
        position: where it stands without its name.
        names: its name, and older ones.
    """
    written = call.argument(position, *names)
    if written is not None:
        return settled(call, written)
    if call.more:
        return Unknown()
    return scoped(call, operation, *names)


def scoped(call: Call, operation: str, *names: str) -> Value | None:
    """What the arg_scopes around a call set an argument to."""
    for each in defaults_around(call):
        if each.operations is None:
            if any(name in each.values for name in names) or not each.values:
                return Unknown()
            continue
        if operation in each.operations:
            for name in names:
                if name in each.values:
                    return settled(each.call, each.values[name])
    return None


def settled(call: Call, value: Value) -> Value:
    """A parameter of a function with @add_arg_scope, as the arg_scopes around its call set it."""
    if not isinstance(value, Parameter):
        return value
    for index, block in enumerate(call.within):
        if isinstance(block, Frame) and block.arguments.get(value.name) is value:
            outer = Call(call.index, call.callee, "", None, (), {}, False, call.place, call.within[:index])
            for each in defaults_around(outer):
                if each.operations is None:
                    return value
                if block.function in each.operations and value.name in each.values:
                    return each.values[value.name]
            before = call.within[index - 1] if index else None
            takes = isinstance(before, With) and before.context == External("slim.add_arg_scope")
            return value.default if takes and value.default is not None else value
    return value


@dataclass(frozen=True, slots=True)
class Scoping:
    """The variable scopes around a call.

    Arguments:
        path: their names, outermost first; `None` where one is not known.
        reused: whether variables that are there already are taken; `None` if that is not known.
    """

    path: tuple[str | None, ...]
    reused: bool | None

    @property
    def text(self) -> str | None:
        """The path as TensorFlow writes it, `None` if a part is not known."""
        known = [part for part in self.path if part is not None]
        return "/".join(known) if len(known) == len(self.path) else None


def scoping(call: Call) -> Scoping:
    """The variable scopes that a call stands in."""
    path: list[str | None] = []
    reused: bool | None = False
    whole = False  # a scope that is entered again has its own path, wherever that is
    for context in contexts(call):
        if context.name in _VARIABLE_SCOPES:
            name, own = _opened(context)
            entered = _path_of(context.argument(0, "name_or_scope"))
            if not whole:
                path += [name] if entered is None else reversed(entered)
            whole = whole or entered is not None
            reused = either(reused, own)
    for block in call.within:
        if isinstance(block, With) and isinstance(block.context, External):
            reused = either(reused, block.context.name == "tensorflow.make_template")
    return Scoping(tuple(reversed(path)), reused)


def _path_of(scope: Value | None) -> tuple[str | None, ...] | None:
    """The names of a scope that the program holds, outermost first; `None` of anything else."""
    if not isinstance(scope, Product):
        return None
    if scope.call.name == "tensorflow.get_variable_scope":
        return scoping(scope.call).path
    if scope.call.name in _VARIABLE_SCOPES:
        return (*scoping(scope.call).path, _opened(scope.call)[0])
    return None


def named(call: Call, given: Value | None) -> tuple[Scoping, str | None]:
    """The scopes that a layer makes its variables in, and its own name there.

    Arguments:
        call: the call that makes the layer.
        given: its name, or a scope, as the one of the block around it in `batch_norm(x, scope=scope)`.

    Returns:
        A name is empty where it is worked out, `None` where it is left out or not known.
    """
    around, path = scoping(call), _path_of(given)
    if path:
        return Scoping(path[:-1], around.reused), path[-1] or ""
    return around, "" if isinstance(given, Expression) else constant_text(given)


def scopes_around(call: Call) -> Iterator[str | Value | None]:
    """The variable scopes around a call, innermost first: their names, or what gives a name that is not known."""
    for context in contexts(call):
        if context.name in _VARIABLE_SCOPES:
            name = _opened(context)[0]
            yield context.argument(0, "name_or_scope") if name is None else name


def begins_in(scope: Value, call: Call, path: str | None, name: str | None) -> bool | None:
    """Whether the names of the variables of a call begin with a scope, as lists of variables are chosen by.

    Arguments:
        scope: its name, or the scope itself.
        call: the call that uses the variables.
        path: the scopes that they are made in; `None` if a part is not known.
        name: the beginning of their names; `None` if it is not known.

    Returns:
        `None` if that is not known.
    """
    # What a scope is called, `scope.name`, is what its variables begin with.
    opened = scope.of if isinstance(scope, Attribute) and scope.name == "name" else scope
    wanted = constant_text(scope)
    if wanted is None:
        return True if any(context.result is opened for context in contexts(call)) else None
    if name is not None:
        return begins(name, wanted)
    return True if path is not None and begins(path, wanted) else None


def begins(name: str, wanted: str) -> bool | None:
    """Whether the names that go on behind another one begin with a scope; `None` if that is not known.

    Arguments:
        name: what they begin with, as `net/batch_normalization`; a number may stand behind it.
        wanted: the scope: what lists and collections are read for is a pattern.
    """
    if not _PLAIN.fullmatch(wanted):
        return True if _matches(wanted, f"{name}/") else None
    if f"{name}/".startswith(wanted):
        return True
    return None if wanted.startswith(name) else False


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.match(pattern, name) is not None
    except re.error:
        return False


def operation_path(call: Call) -> str | None:
    """The scopes around a call as the names of its operations begin with them; `None` if a part is not known."""
    path: list[str] = []
    for context in contexts(call):
        if context.name in _VARIABLE_SCOPES:
            name = _opened(context)[0]
        elif context.name in ("tensorflow.name_scope", ".name_scope"):
            name = constant_text(context.argument(0, "name"))
        else:
            continue
        if name is None:
            return None
        path.append(name)
    return "/".join(part.rstrip("/") for part in reversed(path) if part)


def _opened(context: Call) -> tuple[str | None, bool | None]:
    given = context.argument(0, "name_or_scope")
    if given is None or given == Known(None):
        given = context.argument(1, "default_name")
    name = constant_text(given)
    if isinstance(given, Product):
        inner = given.call
        if inner.name == "tensorflow.get_variable_scope":
            name = ""
        elif inner.name == "tensorflow.variable_scope":
            name = _opened(inner)[0]
    reuse = context.argument(None, "reuse")
    return name, reuses(reuse) if reuse is not None else (None if context.more else False)


def reuses(value: Value | None) -> bool | None:
    """Whether a `reuse` argument shares what is there; `None` if that is not known."""
    if value is None or (isinstance(value, Known) and not value.value):
        return False
    if isinstance(value, Known) or (isinstance(value, External) and value.name in _SHARING):
        return True
    if isinstance(value, Attribute) and value.name == "AUTO_REUSE":
        return True
    return None


def either(one: bool | None, other: bool | None) -> bool | None:
    """Whether one of two things holds; `None` if that is not known."""
    if one or other:
        return True
    return None if one is None or other is None else False


def control_inputs(call: Call) -> Iterator[Value]:
    """What has to run before what a call makes, by the control_dependencies around it."""
    for context in contexts(call):
        if context.name == "tensorflow.control_dependencies" or context.name == ".control_dependencies":
            given = context.argument(0, "control_inputs")
            if given == Known(None):
                return
            if given is not None:
                yield given
        elif short(context.name) == "tensorflow.Graph":
            return


def scope_around(call: Call) -> With | None:
    """The innermost block of a variable scope around a call."""
    for block in reversed(call.within):
        if isinstance(block, With) and isinstance(block.context, Product):
            if block.context.call.name == "tensorflow.variable_scope":
                return block
        elif isinstance(block, With) and block.context == External("tensorflow.make_template"):
            return block
    return None


def exclusive(one: Call, other: Call) -> bool:
    """Whether of two calls only one is made, or they are made in an order that is not known.

    They stand in two arms of a condition, in two of several functions of which one is called, in two functions or
    methods that somebody outside of the project calls, or in two processes.
    """
    for first, second in zip(one.within, other.within, strict=False):
        if first is not second:
            if _are_options(first, second):
                return True
            break
    for first in one.within:
        for second in other.within:
            if _exclude(first, second):
                return True
    return False


def _are_options(one: Block, other: Block) -> bool:
    """Whether two blocks with the same ones around them are two of several functions of which one is called."""
    if isinstance(one, Branch) and isinstance(other, Branch):
        return one.test is other.test and isinstance(one.test, Choice) and one.place == other.place
    return _is_registered(one) and _is_registered(other)


def _is_registered(block: Block) -> bool:
    """Whether a block is a function that a decorator has handed to an object, as `@cli.command()` does."""
    if not isinstance(block, Callback) or block.call is None or not block.call.name.startswith("."):
        return False
    key = block.argument
    return isinstance(key, str) and key != block.call.name and key not in block.call.keywords


def _exclude(one: Block, other: Block) -> bool:
    if isinstance(one, Branch) and isinstance(other, Branch):
        return one.place == other.place and one.arm is not other.arm
    if isinstance(one, Callback) and isinstance(other, Callback) and one is not other:
        return (one.call is None and other.call is None) or (_is_process(one) and _is_process(other))
    return False


def _is_process(block: Callback) -> bool:
    return block.call is not None and block.call.name in _PROCESSES
