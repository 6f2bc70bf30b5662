"""The house rules about imports and files, and how fast the command starts."""

from __future__ import annotations

import ast
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "steadynorm"
FILES = sorted(PACKAGE.rglob("*.py"))

ROOMS = {"torch": "torch", "tensorflow": "tensorflow", "keras": "keras", "jax": "jax", "onnx": "onnx"}
"""Frameworks by the folder that may import them."""

STARTS = 5
IMPORT_SECONDS = 0.1
EXPLAIN_SECONDS = 0.3
ALLOWANCE = 3.0
"""A machine that is busy with the other tests is slower than one that waits for a command; benchmarks/ has the exact
numbers, and here only a framework or NumPy that slips in, which takes longer than all of this, must show."""


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(node: ast.AST) -> Iterator[str]:
    """The modules that are imported anywhere below a node."""
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names)
        elif isinstance(each, ast.ImportFrom) and each.module is not None:
            yield each.module
            yield from (f"{each.module}.{alias.name}" for alias in each.names)


def imports_at_once(module: ast.Module) -> Iterator[str]:
    """The modules that are imported when this one is: not in functions, and not for type checking only."""
    for statement in module.body:
        is_typing_only = isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test)
        if not is_typing_only and not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield from imports(statement)


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def relative(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def seconds(*arguments: str) -> float:
    """The processor's time of a start of Python with these arguments, less that of Python alone; each the median."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def once(*given: str) -> float:
        begin = spent()
        subprocess.run([sys.executable, *given], check=True, capture_output=True)
        return spent() - begin

    bare = statistics.median(once("-c", "pass") for _ in range(STARTS))
    return statistics.median(once(*arguments) for _ in range(STARTS)) - bare


def loaded_by(code: str) -> set[str]:
    """The top-level modules in memory after some code has run in a fresh process."""
    code = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import steadynorm",
        "import steadynorm.cli",
        "import steadynorm.checks.catalogue",
        "import sys; sys.argv = ['steadynorm', 'explain', 'SN101']\n"
        "from steadynorm.cli import app; app(standalone_mode=False)",
    ],
)
def test_no_framework_and_no_numpy_before_they_are_needed(code: str) -> None:
    assert not loaded_by(code) & {*ROOMS, "numpy", "sklearn", "jinja2", "markdown_it", "plotly", "py_mini_racer"}


def test_public_names_bring_no_framework() -> None:
    code = "import steadynorm\nfor name in steadynorm.__all__: getattr(steadynorm, name)"

    assert not loaded_by(code) & set(ROOMS)


def test_import_takes_under_100_ms() -> None:
    assert seconds("-c", "import steadynorm") < IMPORT_SECONDS * ALLOWANCE


def test_explain_takes_under_300_ms() -> None:
    assert seconds("-m", "steadynorm", "explain", "SN101") < EXPLAIN_SECONDS * ALLOWANCE


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_frameworks_are_imported_in_their_own_room_only(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    foreign = {each.split(".")[0] for each in imports(tree(path))} & {name for name in ROOMS if ROOMS[name] != room}

    assert not foreign


@pytest.mark.parametrize("path", sorted((PACKAGE / "checks").glob("*.py")), ids=relative)
def test_checks_open_no_file_and_know_no_room(path: Path) -> None:
    module = tree(path)
    called = {ast.unparse(each.func) for each in ast.walk(module) if isinstance(each, ast.Call)}
    rooms = {f"steadynorm.{room}" for room in ROOMS}

    assert not called & {"open", "Path", "np.load", "np.fromfile", "np.loadtxt"}
    assert not any(each.startswith(tuple(rooms)) for each in imports(module))


def test_no_module_imports_itself_in_a_circle() -> None:
    known = {name_of(path): path for path in FILES}
    graph = {name: {each for each in imports_at_once(tree(path)) if each in known} for name, path in known.items()}
    # The public page comes first in every import and imports nothing by itself.
    assert not graph.pop("steadynorm")

    TopologicalSorter({name: needed - {"steadynorm", name} for name, needed in graph.items()}).prepare()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_hold_one_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
