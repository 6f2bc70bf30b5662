"""Loads the subject that a command line names, as `FILE.py:NAME` or `module:NAME`."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.extras import missing_module
from steadynorm.subject import Subject

EXPECTED = "a steadynorm.Subject, or a function without required arguments that returns one"


@contextmanager
def subject_from(target: str) -> Iterator[Subject]:
    """The subject that `target` names.

    As long as the context lasts, the file's own directory (the working directory for a module) is the first place
    that imports look in; afterwards `sys.path` is as before.

    Arguments:
        target: `FILE.py:NAME` or `module:NAME`; NAME is a `Subject`, or a function without required arguments that
            returns one.

    Raises:
        UnusableInputError: there is no such file, module or name, it is not a subject, or it raises.
    """
    source, separator, name = target.rpartition(":")
    if not separator or not source or not name:
        raise UnusableInputError(
            f"{target!r} names no subject: expected FILE.py:NAME or module:NAME, where NAME is {EXPECTED}"
        )
    path = Path(source)
    is_file = source.endswith(".py") or os.sep in source or path.is_file()
    if is_file:
        _check_file(path)
    with _importable(path.resolve().parent if is_file else Path.cwd()):
        module = _loaded_file(path) if is_file else _imported(source)
        yield _subject(module, source, name)


def names_subject(target: str) -> bool:
    """Whether `target` has the form `FILE.py:NAME` or `module:NAME`, and is no path of something else."""
    source, separator, name = target.rpartition(":")
    return bool(separator and source) and name.isidentifier() and not Path(target).exists()


def file_of(target: str) -> str | None:
    """The file with the code that `target` names, once `subject_from` has loaded it; `None` if it has none."""
    source = target.rpartition(":")[0]
    if Path(source).is_file():
        return source
    found: str | None = getattr(sys.modules.get(source), "__file__", None)
    return found


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise UnusableInputError(f"{path} is a folder; expected a Python file, as {path / 'subject.py'}:NAME")
    if not path.exists():
        raise UnusableInputError(f"there is no file {path} (looked in {Path.cwd()})")
    if path.suffix != ".py":
        raise UnusableInputError(
            f"{path} is not a Python file; expected FILE.py:NAME with the code that builds the model and its data"
        )


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = before


def _loaded_file(path: Path) -> ModuleType:
    # Worker processes look a class up by its module's name, so the file keeps the name that an import would give it.
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_subject"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UnusableInputError(f"{path} cannot be loaded as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader
    try:
        _run(lambda: loader.exec_module(module), str(path), "raises on import")
    except UnusableInputError:
        del sys.modules[name]
        raise
    return module


def _imported(name: str) -> ModuleType:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise UnusableInputError(
            f"there is no module {name!r} (looked in {Path.cwd()} and the installed packages); a file is named with "
            "its ending, as FILE.py:NAME"
        )
    module: ModuleType = _run(lambda: importlib.import_module(name), name, "raises on import")
    return module


def _subject(module: ModuleType, source: str, name: str) -> Subject:
    if not hasattr(module, name):
        candidates = [repr(each) for each, value in vars(module).items() if _could_be(value, module)]
        hint = f"it has {', '.join(candidates)}" if candidates else f"expected {EXPECTED}"
        raise UnusableInputError(f"{source} has no {name!r}; {hint}")
    value = getattr(module, name)
    if inspect.isroutine(value) or isinstance(value, functools.partial):
        needed = _required(value)
        if needed:
            raise UnusableInputError(
                f"function {name!r} of {source} needs {', '.join(needed)}; expected {EXPECTED}. Give the arguments "
                "defaults, or write a function that passes them"
            )
        value = _run(value, source, f"raises in {name}()")
        name = f"{name}()"
    if not isinstance(value, Subject):
        raise UnusableInputError(f"{name} of {source} is of type {_type_name(value)}; expected {EXPECTED}")
    return value


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _could_be(value: Any, module: ModuleType) -> bool:
    is_own_function = inspect.isfunction(value) and value.__module__ == module.__name__
    return isinstance(value, Subject) or (is_own_function and not _required(value))


def _required(function: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variadic]


def _run(function: Callable[[], Any], source: str, what: str) -> Any:
    """Runs the user's code; what it raises is said in one line with the place in the user's file."""
    try:
        return function()
    except UnusableInputError:
        raise
    except ModuleNotFoundError as error:
        raise UnusableInputError(missing_module(error, source)) from error
    except (Exception, SystemExit) as error:
        raise UnusableInputError(
            f"{source} {what}{_line(error, source)}: {type(error).__name__}: {error} (--traceback shows the way there)"
        ) from error


def _line(error: BaseException, source: str) -> str:
    """Where in the user's file it was raised, as `, line 12`."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    line, trace = None, error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name == Path(source).name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f", line {line}"
