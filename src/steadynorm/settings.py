"""`[tool.steadynorm]` of the nearest pyproject.toml: what the command line would otherwise have to repeat."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.options import FailOn
from steadynorm.selection import codes

FILE = "pyproject.toml"
TABLE = "tool.steadynorm"

_LISTS = {
    "select": 'a list of codes or prefixes, as ["SN1", "SN201"]',
    "ignore": 'a list of codes or prefixes, as ["SN5"]',
    "exclude": 'a list of names or patterns, as ["archive", "*.bak"]',
}
_OPTIONS = ("select", "ignore", "fail-on", "exclude", "per-file-ignores", "baseline")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project says about its checks.

    Arguments:
        select: codes or prefixes to check; all if empty.
        ignore: codes or prefixes to leave out.
        fail_on: from which severity on findings make the exit code 1.
        exclude: names and patterns of files and folders that a search leaves out.
        per_file_ignores: codes or prefixes to leave out of source files, by patterns of their paths from `root`.
        baseline: the file of findings that are known; `None` without one.
        root: the folder of the pyproject.toml that says so; empty where none does.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: FailOn = FailOn.WARNING
    exclude: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    baseline: str | None = None
    root: str = ""


def settings_from(folder: Path) -> Settings:
    """The settings that hold in a folder: those of the nearest pyproject.toml, from there upwards, that has any.

    Raises:
        UnusableInputError: the file cannot be read, or a setting is not what it should be; the message says which.
    """
    for each in (folder, *folder.absolute().parents):
        file = each / FILE
        if not file.is_file():
            continue
        table = _table(file)
        if table is not None:
            return _settings(file, table)
    return Settings()


def _table(file: Path) -> Mapping[str, Any] | None:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableInputError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnusableInputError(f"{file}: is not UTF-8 (byte {error.start}), which TOML has to be") from error
    except tomllib.TOMLDecodeError as error:
        raise UnusableInputError(f"{file}: is not valid TOML: {error}") from error
    tools = content.get("tool", {})
    table = tools.get("steadynorm") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise UnusableInputError(f"{file}: {TABLE} is {table!r}; expected a table, [{TABLE}]")
    return table


def _settings(file: Path, table: Mapping[str, Any]) -> Settings:
    for name in table:
        if name not in _OPTIONS:
            near = get_close_matches(name.replace("_", "-"), _OPTIONS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it may have {', '.join(_OPTIONS)}"
            raise UnusableInputError(f"{file}: [{TABLE}] has no option {name!r}; {hint}")
    lists = {name: _strings(file, name, table.get(name, [])) for name in _LISTS}
    fail_on = table.get("fail-on", FailOn.WARNING)
    if fail_on not in list(FailOn):
        expected = ", ".join(f'"{each}"' for each in FailOn)
        raise UnusableInputError(f"{file}: 'fail-on' of [{TABLE}] is {fail_on!r}; expected one of {expected}")
    baseline = table.get("baseline")
    if baseline is not None and not isinstance(baseline, str):
        raise UnusableInputError(f"{file}: 'baseline' of [{TABLE}] is {baseline!r}; expected the name of a file")
    try:
        return Settings(
            codes(lists["select"]),
            codes(lists["ignore"]),
            FailOn(fail_on),
            lists["exclude"],
            _per_file(file, table.get("per-file-ignores", {})),
            None if baseline is None else str(file.parent / baseline),
            str(file.parent),
        )
    except UnusableInputError as error:
        raise UnusableInputError(f"{file}: [{TABLE}]: {error}") from error


def _per_file(file: Path, table: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(table, dict):
        expected = f'a table, [{TABLE}.per-file-ignores] with "tests/*" = ["SN5"]'
        raise UnusableInputError(f"{file}: 'per-file-ignores' of [{TABLE}] is {table!r}; expected {expected}")
    return {pattern: codes(_strings(file, f"per-file-ignores.{pattern}", each)) for pattern, each in table.items()}


def _strings(file: Path, name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        expected = _LISTS.get(name, _LISTS["ignore"])
        raise UnusableInputError(f"{file}: {name!r} of [{TABLE}] is {value!r}; expected {expected}")
    return tuple(value)
