"""What expressions give."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from steadynorm.source.symbolic import containers
from steadynorm.source.symbolic.attributes import attribute, item, iterate
from steadynorm.source.symbolic.constants import binary, compare, formatted, unary
from steadynorm.source.symbolic.growing import grows_unseen, made_here
from steadynorm.source.symbolic.imports import resolved
from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.scope import Scope, listed
from steadynorm.source.symbolic.trace import Branch, Loop
from steadynorm.source.symbolic.values import (
    Class,
    Comprehension,
    Expression,
    External,
    Function,
    Instance,
    Item,
    Items,
    Known,
    Product,
    Super,
    Table,
    Unknown,
    Value,
    choice,
    is_counted,
    truth,
)

Evaluator: TypeAlias = Callable[[Machine, Any, Scope], Value]

ITEM = "[]"
"""In a trace the name of what is assigned to by a key that is no constant."""

MOST_UNROLLED = 8
"""Items that a loop or a comprehension goes through one by one."""


def bind(machine: Machine, target: ast.expr, value: Value, scope: Scope) -> None:
    """Assigns a value to a name, an attribute, an item, or several of them."""
    if type(target) is ast.Name:
        machine.bound(target.id, value)
        machine.journal.put(scope.home(target.id), target.id, value)
    elif type(target) is ast.Attribute:
        of = machine.evaluate(target.value, scope)
        machine.bound(target.attr, value)
        set_attribute(machine, of, target.attr, value, target)
    elif isinstance(target, ast.Subscript):
        _set_item(machine, target, value, scope)
    elif isinstance(target, ast.Starred):
        bind(machine, target.value, Unknown(), scope)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(machine, target.elts, value, scope)


def set_attribute(machine: Machine, of: Value, name: str, value: Value, node: ast.expr | ast.stmt) -> None:
    """Sets an attribute of an object, of a class or of something outside of the project."""
    if isinstance(of, Super):
        of = of.instance
    if isinstance(of, Instance):
        machine.journal.put(of.attributes, name, value)
    elif isinstance(of, Class):
        machine.journal.put(of.members, name, value)
    machine.assigned(of, name, value, machine.place(node))


def _set_item(machine: Machine, target: ast.Subscript, value: Value, scope: Scope) -> None:
    of, key = machine.evaluate(target.value, scope), machine.evaluate(target.slice, scope)
    if isinstance(of, Table):
        if isinstance(key, Known):
            machine.journal.put(of.entries, key.value, value)
        else:
            machine.assigned(of, ITEM, value, machine.place(target))
            machine.journal.put(of.entries, key, value)
    elif isinstance(of, Items):
        machine.journal.put(of.cell, "items", (*of.items, value))
        machine.journal.put(of.cell, "lost", True)
    elif isinstance(of, Product):
        containers.put(of, key, value, machine.journal)
    elif isinstance(of, External) and isinstance(key, Known):
        machine.assigned(of, f"[{key.value}]", value, machine.place(target))


def _unpack(machine: Machine, targets: list[ast.expr], value: Value, scope: Scope) -> None:
    whole = isinstance(value, Items) and value.whole and not any(isinstance(each, ast.Starred) for each in targets)
    if isinstance(value, Items) and whole and len(value.items) == len(targets):
        for target, each in zip(targets, value.items, strict=True):
            bind(machine, target, each, scope)
        return
    for position, target in enumerate(targets):
        bind(machine, target, item(machine, value, Known(position)), scope)


def _unknown(machine: Machine, node: ast.expr, scope: Scope) -> Value:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.expr):
            machine.evaluate(each, scope)
    return Unknown()


def _constant(machine: Machine, node: ast.Constant, scope: Scope) -> Value:
    return Known(node.value)


def _name(machine: Machine, node: ast.Name, scope: Scope) -> Value:
    return resolved(machine, node.id, scope)


def _attribute(machine: Machine, node: ast.Attribute, scope: Scope) -> Value:
    return attribute(machine, machine.evaluate(node.value, scope), node.attr, node)


def _subscript(machine: Machine, node: ast.Subscript, scope: Scope) -> Value:
    found = item(machine, machine.evaluate(node.value, scope), machine.evaluate(node.slice, scope))
    if isinstance(found, Item) and found.place is None and isinstance(node.slice, ast.Slice):
        return replace(found, place=machine.place(node))
    return found


def _slice(machine: Machine, node: ast.Slice, scope: Scope) -> Value:
    parts = (node.lower, node.upper, node.step)
    values = tuple(Known(None) if part is None else machine.evaluate(part, scope) for part in parts)
    return Expression("Slice", values)


def _call(machine: Machine, node: ast.Call, scope: Scope, dropped: bool = False) -> Value:
    if type(node.func) is ast.Name and node.func.id == "super":
        return _super(machine, scope, node)
    callee = machine.evaluate(node.func, scope)
    positional: list[Value] = []
    spread: list[Value] = []
    more = False
    for each in node.args:
        if type(each) is not ast.Starred:
            value = machine.evaluate(each, scope)
            (spread if more else positional).append(value)
            continue
        value = machine.evaluate(each.value, scope)
        members = iterate(machine, value)
        if members is None or more:
            # What comes behind a list that is not known stands at no position that is.
            more = True
            spread.append(value)
        else:
            positional.extend(members)
    named: dict[str, Value] = {}
    for keyword in node.keywords:
        value = machine.evaluate(keyword.value, scope)
        if keyword.arg is not None:
            named[keyword.arg] = value
        elif isinstance(value, Table):
            named |= {name: entry for name, entry in value.entries.items() if isinstance(name, str)}
            more = more or not value.complete or any(not isinstance(name, str) for name in value.entries)
        else:
            more = True
            spread.append(value)
    arguments = Arguments(tuple(positional), named, more, machine.place(node), node, dropped, tuple(spread))
    return machine.call(callee, arguments)


def call_statement(machine: Machine, node: ast.Call, scope: Scope) -> None:
    """A call whose result nobody takes."""
    _call(machine, node, scope, dropped=True)


def _super(machine: Machine, scope: Scope, node: ast.Call) -> Value:
    frame = machine.activation.frame
    if node.args:
        named = [machine.evaluate(each, scope) for each in node.args]
        if len(named) == 2 and isinstance(named[0], Class):
            return Super(named[1], named[0])
    if frame is not None and frame.function.owner is not None and isinstance(frame.receiver, Instance):
        return Super(frame.receiver, frame.function.owner)
    # Outside of a method, or in one of a class.
    return Unknown()


def _binary(machine: Machine, node: ast.BinOp, scope: Scope) -> Value:
    left, right = machine.evaluate(node.left, scope), machine.evaluate(node.right, scope)
    made = binary(node.op, left, right, machine.place(node))
    if type(made) is Items:
        made_here(machine, made)
        if any(type(each) is Items and grows_unseen(machine, each) for each in (left, right)):
            made.cell["several"] = True
    return made


def _unary(machine: Machine, node: ast.UnaryOp, scope: Scope) -> Value:
    return unary(node.op, machine.evaluate(node.operand, scope), machine.place(node))


def _boolean(machine: Machine, node: ast.BoolOp, scope: Scope) -> Value:
    stops = isinstance(node.op, ast.Or)
    values: list[Value] = []
    for each in node.values:
        value = machine.evaluate(each, scope)
        known = truth(value)
        if known is stops:
            # What comes before is false (of or) or true (of and) where this is reached.
            return value if not values else Expression(type(node.op).__name__, (*values, value), machine.place(node))
        if known is None:
            values.append(value)
        last = value
    if not values:
        return last
    if len(values) == 1 and known is None:
        return values[0]
    return Expression(type(node.op).__name__, tuple(values), machine.place(node))


def _compare(machine: Machine, node: ast.Compare, scope: Scope) -> Value:
    values = [machine.evaluate(each, scope) for each in (node.left, *node.comparators)]
    if len(values) == 2:
        return compare(node.ops[0], values[0], values[1], machine.place(node))
    return Expression("Compare", tuple(values), machine.place(node))


def _conditional(machine: Machine, node: ast.IfExp, scope: Scope) -> Value:
    test = machine.evaluate(node.test, scope)
    known = truth(test)
    if known is not None:
        return machine.evaluate(node.body if known else node.orelse, scope)
    place = machine.place(node.test)
    with machine.inside(Branch(test, True, node.test, place)):
        first = machine.evaluate(node.body, scope)
    with machine.inside(Branch(test, False, node.test, place)):
        second = machine.evaluate(node.orelse, scope)
    if isinstance(first, Known) and isinstance(second, Known):
        # `True if mode == "train" else False` is a mode, not a constant.
        return first if first == second else Expression("IfExp", (test, first, second), machine.place(node))
    return choice([first, second])


def _items(machine: Machine, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
    members: list[Value] = []
    complete = counted = True
    for each in node.elts:
        if type(each) is ast.Starred:
            value = machine.evaluate(each.value, scope)
            spread = iterate(machine, value)
            complete, counted = complete and spread is not None, counted and is_counted(value)
            members.extend(spread or ())
        else:
            members.append(machine.evaluate(each, scope))
    made = made_here(machine, listed(tuple(members), type(node).__name__.lower(), complete, counted))
    made.place = machine.place(node)
    return made


def _table(machine: Machine, node: ast.Dict, scope: Scope) -> Value:
    entries: dict[Any, Value] = {}
    complete = True
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = machine.evaluate(value_node, scope)
        if key_node is None:
            complete = complete and isinstance(value, Table) and value.complete
            # What is not known in detail stays a part of the table, by its identity.
            entries |= value.entries if isinstance(value, Table) else {value: value}
            continue
        key = machine.evaluate(key_node, scope)
        # A key that is no constant (a placeholder in a feed_dict) is kept by identity.
        entries[key.value if isinstance(key, Known) else key] = value
    return Table(entries, complete, machine.place(node))


def _lambda(machine: Machine, node: ast.Lambda, scope: Scope) -> Value:
    return Function(node, machine.module, scope, "<lambda>", None, defaults_of(machine, node.args, scope))


def defaults_of(machine: Machine, arguments: ast.arguments, scope: Scope) -> dict[str, Value]:
    """The defaults of a function's parameters, by name."""
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += [
        (name, default)
        for name, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    ]
    return {name.arg: machine.evaluate(default, scope) for name, default in pairs}


def _comprehension(
    machine: Machine, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope
) -> Value:
    inner = Scope({}, scope, scope.module)
    if len(node.generators) == 1 and not node.generators[0].ifs and not isinstance(node, ast.DictComp):
        over = machine.evaluate(node.generators[0].iter, scope)
        members = iterate(machine, over)
        if members is not None and len(members) <= MOST_UNROLLED:
            made: list[Value] = []
            for each in members:
                bind(machine, node.generators[0].target, each, inner)
                made.append(machine.evaluate(node.elt, inner))
            kind = "set" if isinstance(node, ast.SetComp) else "list"
            return made_here(machine, listed(tuple(made), kind, counted=is_counted(over)))
    sources: list[Value] = []
    tests: list[Value] = []
    for generator in node.generators:
        over = machine.evaluate(generator.iter, inner)
        sources.append(over)
        bind(machine, generator.target, item(machine, over, None), inner)
        tests += [machine.evaluate(test, inner) for test in generator.ifs]
    place = machine.place(node)
    with machine.inside(Loop(sources[0], place)):
        if isinstance(node, ast.DictComp):
            key = machine.evaluate(node.key, inner)
            return Comprehension(machine.evaluate(node.value, inner), tuple(sources), tuple(tests), key, place)
        return Comprehension(machine.evaluate(node.elt, inner), tuple(sources), tuple(tests), None, place)


def _named(machine: Machine, node: ast.NamedExpr, scope: Scope) -> Value:
    value = machine.evaluate(node.value, scope)
    bind(machine, node.target, value, scope)
    return value


def _starred(machine: Machine, node: ast.Starred, scope: Scope) -> Value:
    return machine.evaluate(node.value, scope)


def _string(machine: Machine, node: ast.JoinedStr, scope: Scope) -> Value:
    parts: list[Value] = []
    for each in node.values:
        inner = each.value if isinstance(each, ast.FormattedValue) else each
        parts.append(machine.evaluate(inner, scope))
    plain = all(not isinstance(each, ast.FormattedValue) or each.format_spec is None for each in node.values)
    return formatted(parts, plain, machine.place(node))


def _await(machine: Machine, node: ast.Await, scope: Scope) -> Value:
    return machine.evaluate(node.value, scope)


def _yield(machine: Machine, node: ast.Yield | ast.YieldFrom, scope: Scope) -> Value:
    value = Known(None) if node.value is None else machine.evaluate(node.value, scope)
    activation = machine.activation
    activation.yielded.append(value)
    if activation.on_yield is not None:
        body, activation.on_yield = activation.on_yield, None
        body()
    # What is sent to a generator.
    return Unknown()


EVALUATORS: dict[type[ast.expr], Evaluator] = {
    **dict.fromkeys(ast.expr.__subclasses__(), _unknown),
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.List: _items,
    ast.Tuple: _items,
    ast.Set: _items,
    ast.Dict: _table,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.NamedExpr: _named,
    ast.Starred: _starred,
    ast.JoinedStr: _string,
    ast.Await: _await,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
"""What an expression gives, by its kind."""
