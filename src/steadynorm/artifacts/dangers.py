"""Names in a pickle that are code to be run and no part of any model."""

from __future__ import annotations

_MODULES = frozenset({
    "os", "posix", "nt", "posixpath", "ntpath", "subprocess", "_posixsubprocess", "sys", "pty", "commands", "popen2",
    "platform", "shutil", "socket", "_socket", "ssl", "http", "urllib", "requests", "ftplib", "smtplib", "telnetlib",
    "webbrowser", "runpy", "code", "codeop", "imp", "importlib", "zipimport", "pkgutil", "pip", "ctypes", "_ctypes",
    "cffi", "marshal", "pickle", "_pickle", "shelve", "timeit", "cProfile", "profile", "pdb", "bdb", "trace", "doctest",
    "multiprocessing", "asyncio", "signal", "threading", "_thread", "gc", "inspect", "tempfile", "glob", "linecache",
    "fileinput",
})  # fmt: skip
"""Modules of which a model needs nothing, and which run commands or code, or reach files or the network."""

_BUILTINS = frozenset({
    "eval", "exec", "execfile", "compile", "open", "__import__", "setattr", "delattr", "globals", "locals",
    "vars", "input", "breakpoint", "memoryview", "apply", "file", "exit", "quit", "help",
})  # fmt: skip

_OTHERS = frozenset({
    "operator.attrgetter", "operator.methodcaller", "_operator.attrgetter", "_operator.methodcaller",
    "torch.hub.load", "torch.load", "torch.jit.load", "torch.utils.cpp_extension.load", "torch.ops.load_library",
    "io.open", "_io.open", "numpy.load", "numpy.testing._private.utils.runstring", "numpy.testing.runstring",
})  # fmt: skip


def dangerous(names: object) -> tuple[str, ...]:
    """Those of the names in a pickle that no model needs, and that would run code, a command, or reach files.

    Arguments:
        names: full names, as `posix.system`; anything else is none.
    """
    if not isinstance(names, tuple):
        return ()
    return tuple(name for name in names if isinstance(name, str) and _is_dangerous(name))


def _is_dangerous(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if module in ("builtins", "__builtin__"):
        return last in _BUILTINS
    return module.split(".")[0] in _MODULES or name in _OTHERS
