"""Names that imports bring in, and modules of the project, run when something of theirs is first needed."""

from __future__ import annotations

import ast
import builtins

from steadynorm.errors import UnusableInputError
from steadynorm.source.symbolic.machine import Activation, Machine
from steadynorm.source.symbolic.modules import Module
from steadynorm.source.symbolic.names import canonical
from steadynorm.source.symbolic.scope import Scope
from steadynorm.source.symbolic.stars import STAR, Stars, from_stars, with_star
from steadynorm.source.symbolic.trace import Run
from steadynorm.source.symbolic.values import External, Imported, Known, ModuleValue, Unknown, Value

_BUILTINS = frozenset(dir(builtins))


def load(machine: Machine, module: Module) -> Scope:
    """The names of a module, which is run from its first line if it has not been, as `__main__`.

    What it does is done once and for all: where the import is undone, as an arm of an `if` is, its names stay.

    Arguments:
        machine: the machine.
        module: a module of the project; one that cannot be parsed has no names.
    """
    scope = machine.scopes.get(module)
    if scope is not None:
        return scope
    scope = Scope({"__name__": Known("__main__"), "__file__": Known(module.path)})
    scope.module = scope
    machine.scopes[module] = scope
    try:
        tree = module.parsed()
    except UnusableInputError:
        return scope
    run = Run("script", module.name, module.path)
    with machine.separate(run), machine.lasting():
        machine.activations.append(Activation(None, module))
        machine.execute(tree.body, scope)
    return scope


def _module(machine: Machine, name: str, level: int) -> Module | None:
    module = machine.project.resolve(name, level, machine.module)
    if module is not None:
        machine.memory.imported.add(module)
    return module


def import_names(machine: Machine, node: ast.Import, scope: Scope) -> None:
    """`import a.b`, `import a.b as c`."""
    for alias in node.names:
        module = _module(machine, alias.name, 0)
        top = alias.name.partition(".")[0]
        if alias.asname:
            value: Value = External(canonical(alias.name)) if module is None else ModuleValue(module)
            machine.journal.put(scope.home(alias.asname), alias.asname, value)
            continue
        package = _module(machine, top, 0)
        if package is None and module is not None:
            # A namespace package, without a file of its own: only the full name leads anywhere.
            machine.journal.put(scope.home(top), top, Unknown())
        else:
            value = External(canonical(top)) if package is None else ModuleValue(package)
            machine.journal.put(scope.home(top), top, value)


def import_from(machine: Machine, node: ast.ImportFrom, scope: Scope) -> None:
    """`from a import b, c as d`, `from . import b`, `from a import *`."""
    module = _module(machine, node.module or "", node.level)
    for alias in node.names:
        name = alias.asname or alias.name
        if alias.name == STAR:
            _import_star(machine, node, module, scope)
            continue
        value: Value
        if module is not None:
            value = Imported(module, alias.name)
        else:
            inner = _module(machine, f"{node.module}.{alias.name}" if node.module else alias.name, node.level)
            if inner is not None:
                value = ModuleValue(inner)
            elif node.level:
                value = Unknown()
            else:
                value = External(canonical(f"{node.module}.{alias.name}"))
        machine.journal.put(scope.home(name), name, value)


def _import_star(machine: Machine, node: ast.ImportFrom, module: Module | None, scope: Scope) -> None:
    source: Value
    if module is not None:
        source = ModuleValue(module)
    elif node.level:
        return
    else:
        source = External(canonical(node.module or ""))
    machine.journal.put(scope.names, STAR, with_star(scope, source))


def resolved(machine: Machine, name: str, scope: Scope) -> Value:
    """What a name stands for: a local or global one, one from a star import, a builtin."""
    plain = scope.find(name)
    if plain is not None and type(plain) is not Imported:
        return plain
    found, is_sure = _found(machine, name, scope, {})
    if found is not None and (is_sure or name not in _BUILTINS):
        return found
    if name in _BUILTINS:
        return External(f"builtins.{name}")
    return Unknown()


def _found(
    machine: Machine, name: str, scope: Scope, met: dict[Scope, tuple[Value | None, bool]]
) -> tuple[Value | None, bool]:
    """What a name stands for in a scope without the builtins, and whether that is known rather than likely.

    Arguments:
        machine: the machine.
        name: the name.
        scope: the scope.
        met: the same of the scopes that the search has come to, since modules that import each other by stars are
            reached in very many ways; of those that it is still inside of, nothing.
    """
    found = scope.find(name)
    if found is not None:
        return (settled(machine, found) if isinstance(found, Imported) else found), True
    stars = scope.find(STAR)
    if not isinstance(stars, Stars):
        return None, False
    met[scope] = None, False

    def inside(source: ModuleValue) -> tuple[Value | None, bool]:
        inner = machine.load(source.module)
        if name.startswith("__"):
            return None, False
        if inner not in met:
            met[inner] = _found(machine, name, inner, met)
        value, is_sure = met[inner]
        return value, is_sure and not isinstance(value, Unknown)

    return from_stars(name, stars, inside)


def settled(machine: Machine, value: Value) -> Value:
    """What an imported name stands for in its module, which is run for it."""
    for _ in range(20):
        if not isinstance(value, Imported):
            return value
        scope = machine.load(value.module)
        found = scope.find(value.name)
        if found is None:
            inner = machine.project.inside(value.module, value.name)
            if inner is not None:
                return ModuleValue(inner)
            return resolved(machine, value.name, scope) if STAR in scope.names else Unknown()
        value = found
    # Modules that import each other's names in a circle.
    return Unknown()
