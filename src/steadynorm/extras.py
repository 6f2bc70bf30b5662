"""What steadynorm does not bring along by itself, and the command that installs it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from steadynorm.errors import UnusableInputError

FRAMEWORKS = ("torch", "keras", "tensorflow")
"""Each is an extra of the same name: pip install 'steadynorm[torch]'."""

PACKAGES = {"google": "protobuf", "markdown_it": "markdown-it-py", "py_mini_racer": "mini-racer"}
"""Modules whose package, which is what pip knows, has another name."""


def missing_module(error: ModuleNotFoundError, who: str, extra: str | None = None) -> str:
    """One line that says what is not installed and how to install it.

    Arguments:
        error: names the module.
        who: what needs it.
        extra: the extra that brings it along, where that does not follow from the module.
    """
    module = (error.name or str(error)).split(".")[0]
    if module in FRAMEWORKS:
        extra = extra or module
    package = PACKAGES.get(module, module)
    install = f"'steadynorm[{extra}]'" if extra else package
    return f"{who} needs {package}, which is not installed: pip install {install}"


def require(modules: Iterable[str], who: str, extra: str) -> None:
    """Makes sure that modules are installed, without importing them, before the work is done that they are needed for.

    Arguments:
        modules: their top-level names.
        who: what needs them.
        extra: the extra that brings them along.

    Raises:
        UnusableInputError: one of them is not installed; the message says how to install it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise UnusableInputError(missing_module(ModuleNotFoundError(name=module), who, extra))
