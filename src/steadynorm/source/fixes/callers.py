"""How a program comes to a place, as its text tells: the calls of the function around it, and theirs in turn."""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from steadynorm.source.editing.nodes import Standing
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.index import index_of
from steadynorm.source.fixes.project import Project
from steadynorm.source.fixes.scopes import (
    Function,
    bound,
    functions_around,
    lineage,
    named_inside,
    parameters,
    standings,
    text_of,
)
from steadynorm.source.reading.files import SourceFile

_DEEPEST = 6
_MOST = 60

Loop = ast.For | ast.AsyncFor | ast.While
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Level:
    """One place on the way through a program.

    Arguments:
        file: the file.
        node: what stands there: a call, or the name of a function that is handed on.
        way: the nodes from the module down to it.
    """

    file: SourceFile
    node: ast.expr
    way: tuple[ast.AST, ...]

    @property
    def function(self) -> Function | None:
        """The function that it stands in."""
        return next(iter(functions_around(self.way)), None)

    @property
    def standings(self) -> list[Standing]:
        """The statements around it in its function, outermost first."""
        return standings(self.way)

    @property
    def loops(self) -> list[Loop]:
        """The loops around it in its function, outermost first."""
        around = (each for each in self.standings if isinstance(each.statement, Loop))
        return [each.statement for each in around if isinstance(each.statement, Loop) and _is_in_body(each, self.way)]

    @property
    def repeated(self) -> list[Loop | Comprehension]:
        """The loops around it in its function, and the comprehensions within these, outermost first."""
        function = self.function
        inside = self.way if function is None else self.way[self.way.index(function) :]
        return [*self.loops, *(each for each in inside if isinstance(each, Comprehension))]


def _is_in_body(standing: Standing, way: tuple[ast.AST, ...]) -> bool:
    loop = standing.statement
    assert isinstance(loop, Loop)
    return any(each is inner for inner in loop.body for each in way)


def ways_to(files: Project, file: SourceFile, node: ast.expr) -> list[tuple[Level, ...]]:
    """The ways on which a program comes to a node: itself first, then the call of its function, and so on."""
    return files.once(_ways_to, file, node)


def _ways_to(files: Project, file: SourceFile, node: ast.expr) -> list[tuple[Level, ...]]:
    first = Level(file, node, lineage(file.tree, node))
    pending: deque[tuple[Level, ...]] = deque([(first,)])
    found: list[tuple[Level, ...]] = []
    while pending:
        way = pending.popleft()
        function = way[-1].function
        further = [] if function is None or len(way) >= _DEEPEST else files.once(_sites, way[-1].file, function)
        longer = [(*way, each) for each in further if all(each.node is not before.node for before in way)]
        # Each way leads to one that is found at least: more than can be found are not begun.
        pending += longer[: _MOST - len(found) - len(pending)]
        if not longer:
            found.append(way)
    return found


def _sites(files: Project, own: SourceFile, function: Function) -> list[Level]:
    """Where a function is called; if nowhere, where it is handed on in its own file."""
    calls = [Level(file, call, lineage(file.tree, call)) for file, call in calls_of(files, function)]
    named = () if calls else index_of(own.tree).read.get(function.name, ())
    return calls or [Level(own, node, lineage(own.tree, node)) for node in named]


def calls_of(files: Project, function: Function) -> Iterator[tuple[SourceFile, ast.Call]]:
    """The calls of a function, by its name and by how many arguments it takes."""
    for file, call in calls_named(files, function.name):
        if _fits(call, function):
            yield file, call


def calls_named(files: Project, name: str) -> Iterator[tuple[SourceFile, ast.Call]]:
    """The calls of functions and methods of a name."""
    yield from files.once(_called).get(name, ())


def _called(files: Project) -> dict[str, list[tuple[SourceFile, ast.Call]]]:
    """All calls by the names of what they call."""
    found: dict[str, list[tuple[SourceFile, ast.Call]]] = defaultdict(list)
    for file in files.values():
        for name, calls in index_of(file.tree).called.items():
            found[name] += ((file, call) for call in calls)
    return found


def _fits(call: ast.Call, function: Function) -> bool:
    names = parameters(function)
    own = names[:1] == ["self"]
    if own != isinstance(call.func, ast.Attribute) and own:
        return False
    spec = function.args
    optional = len(spec.defaults) + sum(each is not None for each in spec.kw_defaults)
    given = len(call.args) + len(call.keywords)
    if any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords):
        return True
    most = len(names) - own if spec.vararg is None and spec.kwarg is None else given
    return len(names) - own - optional <= given <= most


def lifted(text: str, way: tuple[Level, ...], height: int) -> str:
    """What a name in the first place of a way is called so many levels higher.

    Raises:
        NoFixError: it has no name there.
    """
    for lower, upper in pairwise(way[: height + 1]):
        text = _in_caller(text, lower, upper)
    return text


def _in_caller(text: str, lower: Level, upper: Level) -> str:
    function, call = lower.function, upper.node
    assert function is not None
    root, dot, rest = text.partition(".")
    names = parameters(function)
    if root not in names:
        if root in bound(function) and not (isinstance(call, ast.Name)):
            raise NoFixError("it has a name in its function only")
        return text
    if not isinstance(call, ast.Call):
        return text
    own = names[0] == "self"
    if own and root == "self":
        assert isinstance(call.func, ast.Attribute)
        return f"{text_of(upper.file, call.func.value)}{dot}{rest}"
    index = names.index(root) - own
    given = call.args[index] if index < len(call.args) else None
    given = next((each.value for each in call.keywords if each.arg == root), given)
    if not isinstance(given, ast.Name | ast.Attribute):
        raise NoFixError("what is handed in has no name")
    return f"{text_of(upper.file, given)}{dot}{rest}"


def called(level: Level) -> str:
    """The model that is called in a place.

    Raises:
        NoFixError: it has no name.
    """
    model = level.node.func if isinstance(level.node, ast.Call) else level.node
    if isinstance(model, ast.Attribute) and model.attr == "forward":
        model = model.value
    return name_of(level.file, model, level.way)


def name_of(file: SourceFile, model: ast.expr, way: tuple[ast.AST, ...]) -> str:
    """How a model is written that a statement before it, or behind it, is to switch.

    Raises:
        NoFixError: its name is that of a lambda or a comprehension, or it has none.
    """
    text = text_of(file, model)
    if not isinstance(model, ast.Name | ast.Attribute) or text.partition(".")[0] in named_inside(way):
        raise NoFixError("the model has no name")
    return text
