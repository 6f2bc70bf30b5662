"""What statements do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from steadynorm.source.symbolic.attributes import attribute, item, iterate
from steadynorm.source.symbolic.carrying import carried, forget_counters
from steadynorm.source.symbolic.constants import binary
from steadynorm.source.symbolic.containers import one_of
from steadynorm.source.symbolic.definitions import define_class, define_function
from steadynorm.source.symbolic.expressions import MOST_UNROLLED, bind, call_statement
from steadynorm.source.symbolic.growing import grow
from steadynorm.source.symbolic.imports import import_from, import_names
from steadynorm.source.symbolic.machine import Arguments, Flow, Inside, Machine
from steadynorm.source.symbolic.matching import as_ifs
from steadynorm.source.symbolic.scope import Scope
from steadynorm.source.symbolic.trace import Branch, Loop, With
from steadynorm.source.symbolic.values import (
    Instance,
    Items,
    Known,
    Product,
    Table,
    Unknown,
    Value,
    constant_int,
    is_counted,
    truth,
)
from steadynorm.source.symbolic.with_yield import generator_context

Executor: TypeAlias = Callable[[Machine, Any, Scope], Flow]

_ENDS = frozenset({"sys.exit", "builtins.exit", "builtins.quit", "os._exit"})


def execute(machine: Machine, body: Sequence[ast.stmt], scope: Scope) -> Flow:
    """Runs statements one after the other.

    After an `if` of which one arm leaves the block, the rest of it stands under the other arm's condition.
    """
    opened: list[Inside] = []
    try:
        for statement in body:
            if type(statement) is ast.If:
                flow = _if(machine, statement, scope, opened)
            else:
                flow = _EXECUTORS[type(statement)](machine, statement, scope)
            if flow is not Flow.NEXT:
                return flow
    finally:
        for block in reversed(opened):
            block.__exit__()
    return Flow.NEXT


def _if(machine: Machine, node: ast.If, scope: Scope, opened: list[Inside]) -> Flow:
    test = machine.evaluate(node.test, scope)
    known = truth(test)
    if known is not None:
        return machine.execute(node.body if known else node.orelse, scope)
    place = machine.place(node.test)
    flows: list[Flow] = []
    changes = []
    for arm, body in ((True, node.body), (False, node.orelse)):
        mark = machine.journal.mark()
        with machine.inside(Branch(test, arm, node.test, place)):
            flows.append(machine.execute(body, scope))
        changes.append(machine.journal.take_back(mark))
    goes_on = [index for index, flow in enumerate(flows) if flow is Flow.NEXT]
    if len(goes_on) == 2:
        machine.journal.merge(changes)
        return Flow.NEXT
    if not goes_on:
        machine.journal.merge(changes)
        return flows[0] if flows[0] is flows[1] else Flow.WENT_ON
    machine.journal.redo(changes[goes_on[0]])
    machine.journal.redo_new(changes[1 - goes_on[0]])
    opened.append(machine.inside(Branch(test, goes_on[0] == 0, node.test, place)))
    opened[-1].__enter__()
    return Flow.NEXT


def _expression(machine: Machine, node: ast.Expr, scope: Scope) -> Flow:
    if isinstance(node.value, ast.Call):
        before = len(machine.run.events)
        call_statement(machine, node.value, scope)
        return Flow.LEFT if _ended(machine, before) else Flow.NEXT
    if not isinstance(node.value, ast.Constant):
        machine.evaluate(node.value, scope)
    return Flow.NEXT


def _ended(machine: Machine, before: int) -> bool:
    last = machine.run.events[-1] if len(machine.run.events) > before else None
    return getattr(last, "name", "") in _ENDS


def _assign(machine: Machine, node: ast.Assign, scope: Scope) -> Flow:
    value = machine.evaluate(node.value, scope)
    for target in node.targets:
        bind(machine, target, value, scope)
    return Flow.NEXT


def _annotated(machine: Machine, node: ast.AnnAssign, scope: Scope) -> Flow:
    if node.value is not None:
        bind(machine, node.target, machine.evaluate(node.value, scope), scope)
    return Flow.NEXT


def _augmented(machine: Machine, node: ast.AugAssign, scope: Scope) -> Flow:
    target = node.target
    before = machine.evaluate(target, scope)
    value = machine.evaluate(node.value, scope)
    if isinstance(before, Items) and isinstance(node.op, ast.Add):
        # The list itself grows, whoever else holds it.
        members = iterate(machine, value)
        given = (item(machine, value, None),) if members is None else members
        grow(machine, before, before.items + given, is_counted(value))
        if members is None or (isinstance(value, Items) and not value.whole):
            machine.journal.put(before.cell, "lost", True)
        return Flow.NEXT
    bind(machine, target, binary(node.op, before, value, machine.place(node)), scope)
    return Flow.NEXT


def _return(machine: Machine, node: ast.Return, scope: Scope) -> Flow:
    value = Known(None) if node.value is None else machine.evaluate(node.value, scope)
    activation = machine.activation
    activation.returned.append(value)
    if activation.frame is not None:
        machine.returned(activation.frame, value)
    return Flow.LEFT


def _raise(machine: Machine, node: ast.Raise, scope: Scope) -> Flow:
    if node.exc is not None:
        machine.evaluate(node.exc, scope)
    return Flow.LEFT


def _for(machine: Machine, node: ast.For | ast.AsyncFor, scope: Scope) -> Flow:
    over = machine.evaluate(node.iter, scope)
    place = machine.place(node)
    members = iterate(machine, over)
    counted = is_counted(over)
    if members is not None and len(members) <= MOST_UNROLLED and (counted or len(members) > 1):
        for each in members:
            if not counted:
                forget_counters(machine, node.body, scope)
            bind(machine, node.target, each, scope)
            with machine.inside(Loop(over, place, counted)):
                flow = machine.execute(node.body, scope)
            if flow in (Flow.LEFT, Flow.BROKE):
                return Flow.LEFT if flow is Flow.LEFT else Flow.NEXT
        return machine.execute(node.orelse, scope)
    forget_counters(machine, node.body, scope)
    one = None if members is None else one_of(members)
    bind(machine, node.target, item(machine, over, None) if one is None else one, scope)
    with machine.inside(Loop(over, place)), carried(machine, node.body, scope):
        machine.execute(node.body, scope)
    return machine.execute(node.orelse, scope)


def _while(machine: Machine, node: ast.While, scope: Scope) -> Flow:
    test = machine.evaluate(node.test, scope)
    known = truth(test)
    if known is False:
        return machine.execute(node.orelse, scope)
    forget_counters(machine, node.body, scope)
    with machine.inside(Loop(test, machine.place(node))), carried(machine, node.body, scope):
        flow = machine.execute(node.body, scope)
    return Flow.LEFT if flow is Flow.LEFT and known else machine.execute(node.orelse, scope)


def _try(machine: Machine, node: ast.Try | ast.TryStar, scope: Scope) -> Flow:
    flow = machine.execute(node.body, scope)
    if flow is Flow.NEXT:
        flow = machine.execute(node.orelse, scope)
    for handler in node.handlers:
        # What a handler sets counts only where the body failed; the body is what the program is written for.
        kind = Unknown() if handler.type is None else machine.evaluate(handler.type, scope)
        place = machine.place(handler.body[0])
        with machine.journal.undone(), machine.inside(Branch(kind, True, "except", place)):
            if handler.name:
                machine.journal.put(scope.home(handler.name), handler.name, Unknown())
            machine.execute(handler.body, scope)
    last = machine.execute(node.finalbody, scope)
    return flow if last is Flow.NEXT else last


def _with(machine: Machine, node: ast.With | ast.AsyncWith, scope: Scope) -> Flow:
    return _with_items(machine, list(node.items), node.body, scope)


def _with_items(machine: Machine, items: list[ast.withitem], body: Sequence[ast.stmt], scope: Scope) -> Flow:
    if not items:
        return machine.execute(body, scope)
    first, rest = items[0], items[1:]
    place = machine.place(first.context_expr)
    flow = Flow.NEXT

    def run_body(value: Value) -> None:
        nonlocal flow
        if first.optional_vars is not None:
            bind(machine, first.optional_vars, value, scope)
        flow = _with_items(machine, rest, body, scope)

    if generator_context(machine, first.context_expr, scope, run_body):
        return flow
    context = machine.evaluate(first.context_expr, scope)
    if isinstance(context, Instance) and context.of.member("__enter__") is not None:
        nothing = Arguments((), {}, False, place)
        entered = machine.call(attribute(machine, context, "__enter__", place), nothing)
        with machine.inside(With(context, place)):
            run_body(entered)
        leave = Arguments((Known(None),) * 3, {}, False, place)
        machine.call(attribute(machine, context, "__exit__", place), leave)
        return flow
    with machine.inside(With(context, place)):
        run_body(context)
    return flow


def _function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Flow:
    machine.journal.put(scope.home(node.name), node.name, define_function(machine, node, scope))
    return Flow.NEXT


def _class(machine: Machine, node: ast.ClassDef, scope: Scope) -> Flow:
    machine.journal.put(scope.home(node.name), node.name, define_class(machine, node, scope))
    return Flow.NEXT


def _global(machine: Machine, node: ast.Global, scope: Scope) -> Flow:
    if scope.module is not None:
        scope.outer |= dict.fromkeys(node.names, scope.module)
    return Flow.NEXT


def _nonlocal(machine: Machine, node: ast.Nonlocal, scope: Scope) -> Flow:
    for name in node.names:
        around = scope.around
        while around is not None and name not in around.names:
            around = around.around
        if around is not None:
            scope.outer[name] = around
    return Flow.NEXT


def _delete(machine: Machine, node: ast.Delete, scope: Scope) -> Flow:
    for target in node.targets:
        if isinstance(target, ast.Name):
            machine.journal.drop(scope.home(target.id), target.id)
        elif isinstance(target, ast.Subscript):
            _delete_item(machine, target, scope)
    return Flow.NEXT


def _delete_item(machine: Machine, target: ast.Subscript, scope: Scope) -> None:
    of, key = machine.evaluate(target.value, scope), machine.evaluate(target.slice, scope)
    if isinstance(of, Table) and isinstance(key, Known):
        machine.journal.drop(of.entries, key.value)
    elif isinstance(of, Items):
        position = constant_int(key)
        if of.whole and position is not None and -len(of.items) <= position < len(of.items):
            left = list(of.items)
            del left[position]
            machine.journal.put(of.cell, "items", tuple(left))
        else:
            machine.journal.put(of.cell, "lost", True)
    elif isinstance(of, Product) and of.call.name == "builtins.list" and isinstance(target.value, ast.Name):
        # What is left of a list that is not known member by member is something else than it was.
        machine.journal.put(scope.home(target.value.id), target.value.id, Unknown())


def _assert(machine: Machine, node: ast.Assert, scope: Scope) -> Flow:
    machine.evaluate(node.test, scope)
    return Flow.NEXT


def _match(machine: Machine, node: ast.Match, scope: Scope) -> Flow:
    simple = as_ifs(node)
    if simple is not None:
        return machine.execute([simple], scope)
    subject = machine.evaluate(node.subject, scope)
    changes = []
    for case in node.cases:
        mark = machine.journal.mark()
        for inner in ast.walk(case.pattern):
            name = getattr(inner, "name", None)
            if isinstance(name, str):
                machine.journal.put(scope.home(name), name, Unknown())
        text, place = f"case {ast.unparse(case.pattern)}", machine.place(case.body[0])
        with machine.inside(Branch(subject, True, text, place)):
            machine.execute(case.body, scope)
        changes.append(machine.journal.take_back(mark))
    machine.journal.merge([*changes, {}])
    return Flow.NEXT


def _import(machine: Machine, node: ast.Import, scope: Scope) -> Flow:
    import_names(machine, node, scope)
    return Flow.NEXT


def _import_from(machine: Machine, node: ast.ImportFrom, scope: Scope) -> Flow:
    import_from(machine, node, scope)
    return Flow.NEXT


def _break(machine: Machine, node: ast.Break, scope: Scope) -> Flow:
    return Flow.BROKE


def _continue(machine: Machine, node: ast.Continue, scope: Scope) -> Flow:
    return Flow.WENT_ON


def _other(machine: Machine, node: ast.stmt, scope: Scope) -> Flow:
    return Flow.NEXT


_EXECUTORS: dict[type[ast.stmt], Executor] = {
    **dict.fromkeys(ast.stmt.__subclasses__(), _other),
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.Delete: _delete,
    ast.Assert: _assert,
    ast.Match: _match,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Break: _break,
    ast.Continue: _continue,
}
