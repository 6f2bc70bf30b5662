"""Runs a program of TensorFlow 1 as far as it builds graphs, in modules of its own."""

from __future__ import annotations

import argparse
import builtins
import importlib
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy
from stand_in.made_up_data import MadeUp
from stand_in.recording import Built
from stand_in.tensorflow_one import Names, tensorflow

LONG = 30
READERS = ("load", "loadtxt", "genfromtxt", "fromfile", "save", "savez")
REAL = {"six"} | set(sys.stdlib_module_names)


class Parser(argparse.ArgumentParser):
    """Takes the defaults, whatever this process was started with."""

    def add_argument(self, *names: Any, **options: Any) -> Any:
        options.pop("required", None)
        if not names[0].startswith("-"):
            options |= {"nargs": "?", "default": options.get("default", "1")}
        return super().add_argument(*names, **options)

    def parse_args(self, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        return super().parse_args([])


class Program:
    """One file that is run, with the other files of its folder to import.

    Arguments:
        script: the file.
        folder: where what it exports is written.
    """

    def __init__(self, script: Path, folder: Path) -> None:
        self.script, self.built = script, Built(folder)
        self.loaded: dict[str, Any] = {
            "tensorflow": tensorflow(self.built),
            "argparse": Names(argparse, ArgumentParser=Parser),
            "numpy": Names(numpy, **dict.fromkeys(READERS, lambda *args, **options: MadeUp())),
            "sys": Names(sys, argv=[script.name, *"1111"], exit=lambda *args: None, path=[]),
        }
        parallel = Names(MadeUp(), DistributedOptimizer=lambda optimizer, **options: optimizer)
        self.loaded["horovod"] = Names(None, tensorflow=parallel)
        self.loaded["tf_slim"] = self.loaded["tensorflow"].contrib.slim

    def run(self) -> Built:
        """Runs it to its end.

        Raises:
            Exception: whatever the program raises, above all for what the stand-in does not have.
        """
        with warnings.catch_warnings(), self.built.stack:
            warnings.simplefilter("ignore")
            self.built.stack.enter_context(self.built.graph().as_default())
            self._execute(self.script, "__main__")
        return self.built

    def _execute(self, path: Path, name: str) -> Any:
        module = types.ModuleType(name)
        module.__file__ = str(path)
        own = {"__import__": self._import, "range": _short_range, "print": lambda *args, **options: None}
        module.__dict__["__builtins__"] = vars(builtins) | own
        self.loaded[name] = module
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
        return module

    def _import(self, name: str, given: Any = None, local: Any = None, names: Any = (), level: int = 0) -> Any:
        top, *rest = name.split(".")
        if name.startswith("tensorflow.python"):
            return importlib.import_module(name) if names else self.loaded["tensorflow"]
        found = self._top(top)
        if names:
            for each in rest:
                found = getattr(found, each)
        return found

    def _top(self, top: str) -> Any:
        if top not in self.loaded:
            beside = self.script.parent / f"{top}.py"
            if beside.exists() and beside != self.script:
                return self._execute(beside, top)
            self.loaded[top] = importlib.import_module(top) if top in REAL else MadeUp()
        return self.loaded[top]


def _short_range(*args: Any) -> Any:
    """A range that is soon over where it is long: what a loop builds or runs, it does in its first rounds."""
    whole = range(*map(int, args))
    return whole[:3] if len(whole) > LONG else whole
