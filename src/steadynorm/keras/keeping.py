"""Keeps what belongs to the user as it was: every value and attribute that a model and the user's functions reach."""

from __future__ import annotations

import functools
import random
import types
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

from steadynorm.errors import UnusableInputError
from steadynorm.keras.backends import backend
from steadynorm.reaching import globals_of, is_installed, is_installed_module, referred
from steadynorm.subject import Subject

_PLAIN = (type, types.ModuleType, types.BuiltinFunctionType, str, bytes, int, float, complex, type(None))
_TRAINED = (keras.Layer, keras.optimizers.Optimizer, keras.metrics.Metric)
_LARGEST_ARRAY = 1 << 24
"""Arrays of NumPy with more values than this are data, which are not copied."""

_FUNCTIONS = ("loss", "metric", "forward", "target", "train_step", "evaluate")


class Snapshot:
    """Everything that can be reached from some objects, as it is now.

    Keras models cannot always be copied, so the user's functions run on the model itself, and everything that they
    may have changed is put back: the values of variables, attributes, and the contents of lists, dicts and sets, of
    the model, its layers, optimizers and metrics, and of the user's own objects, closures and globals.

    Arguments:
        roots: models, optimizers, metrics, functions, and whatever holds such.
    """

    def __init__(self, *roots: Any) -> None:
        self._backend = backend()
        self._put_back: list[Callable[[], object]] = []
        self._seen: dict[int, Any] = {}
        self._waiting: list[Any] = list(roots)
        # Names that Keras gives are counted there, and so are the seeds that it draws.
        self._waiting += [vars(global_state.GLOBAL_STATE_TRACKER), vars(global_state.GLOBAL_SETTINGS_TRACKER)]
        while self._waiting:
            self._visit(self._waiting.pop())

    def put_back(self) -> None:
        """Makes everything what it was, bit for bit; what has not changed is not written."""
        for each in self._put_back:
            each()

    def reached(self, kind: type) -> list[Any]:
        """The objects of a class among everything that was reached."""
        return [value for value in self._seen.values() if isinstance(value, kind)]

    def _visit(self, value: Any) -> None:
        if isinstance(value, _PLAIN) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, list) and self._backend.is_holder(value):
            self._keep_dict(vars(value))
            return
        if isinstance(value, dict | list) and not issubclass(type(value), dict | list):
            stand_in: Any = value  # of TensorFlow's, for what a layer holds
            value = stand_in.__wrapped__
        tensor = self._backend.keeper(value)
        if tensor is not None:
            self._put_back.append(tensor)
        elif isinstance(value, keras.Variable):
            self._keep_variable(value)
        elif isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            self._keep_function(value)
        elif isinstance(value, np.ndarray):
            if value.dtype != object and value.flags.writeable and value.size <= _LARGEST_ARRAY:
                self._keep_array(value)
        elif isinstance(value, np.random.Generator | np.random.RandomState | random.Random):
            self._put_back.append(_random_state(value))
        elif isinstance(value, dict):
            self._keep_dict(value)
        elif isinstance(value, list) and isinstance(getattr(value, "__dict__", {}).get("_storage"), list):
            self._keep_dict(vars(value))  # of TensorFlow's: what it holds is another list
        elif isinstance(value, list | set | deque):
            self._keep_collection(value)
        elif isinstance(value, tuple | frozenset):
            self._waiting += value
        elif self._is_looked_into(value):
            self._keep_attributes(value)

    def _is_looked_into(self, value: Any) -> bool:
        kind = type(value)
        if not hasattr(value, "__dict__"):
            return False
        if isinstance(value, _TRAINED):  # whoever wrote it: an installed package, or this one
            return True
        ours = kind.__module__.split(".")[0] == "steadynorm"
        known = kind.__module__.split(".")[0] == "keras" or self._backend.is_holder(value)
        return not ours and (known or not is_installed(kind) or _wrapped(value) is not None)

    def _keep_attributes(self, value: Any) -> None:
        self._keep_dict(vars(value))
        for kind in type(value).__mro__:
            if not is_installed(kind):  # methods refer to things as other functions do
                self._waiting += [each for each in vars(kind).values() if isinstance(each, types.FunctionType)]
        inner = _wrapped(value)
        if inner is not None:
            self._waiting.append(inner)

    def _keep_variable(self, variable: Any) -> None:
        attributes, content = vars(variable), vars(variable).get("_value")
        kept = dict(attributes)
        tensor = None if content is None else self._backend.keeper(content)

        def put_back() -> None:
            if tensor is not None:
                kept["_value"] = tensor()
            _refill(attributes, kept)

        self._put_back.append(put_back)

    def _keep_function(self, function: Any) -> None:
        if isinstance(function, functools.partial):
            self._waiting += [function.func, function.args, function.keywords]
            return
        if isinstance(function, types.MethodType):
            self._waiting += [function.__func__, function.__self__]
            return
        if is_installed_module(str(function.__globals__.get("__name__", ""))):
            self._waiting += [each.cell_contents for each in function.__closure__ or () if _is_filled(each)]
            return
        named, namespace = globals_of(function), function.__globals__
        cells = [(each, each.cell_contents) for each in function.__closure__ or () if _is_filled(each)]

        def put_back() -> None:
            for name, value in named.items():
                if namespace.get(name) is not value:
                    namespace[name] = value
            for cell, value in cells:
                cell.cell_contents = value

        self._put_back.append(put_back)
        self._waiting += [*referred(function), function.__defaults__, function.__kwdefaults__]
        self._waiting.append(vars(function))

    def _keep_array(self, value: Any) -> None:
        kept = value.copy()

        def put_back() -> None:
            if value.tobytes() != kept.tobytes():
                value[...] = kept

        self._put_back.append(put_back)

    def _keep_dict(self, value: Any) -> None:
        kept = dict(value)
        self._put_back.append(lambda: _refill(value, kept))
        self._waiting += kept.values()

    def _keep_collection(self, value: Any) -> None:
        kept = list(value)

        def put_back() -> None:
            if len(value) == len(kept) and all(one is other for one, other in zip(value, kept, strict=True)):
                return
            # Keras' own lists look at what is put into them.
            kind: Any = next(each for each in (list, set, deque) if isinstance(value, each))
            kind.clear(value)
            (kind.update if kind is set else kind.extend)(value, kept)

        self._put_back.append(put_back)
        self._waiting += kept


@contextmanager
def kept(*roots: Any) -> Iterator[Snapshot]:
    """Puts everything back that can be reached from `roots`, and random states, whatever happens."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    snapshot = Snapshot(*roots)
    try:
        with backend().random_states_kept():
            yield snapshot
    finally:
        snapshot.put_back()
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def subject_kept(subject: Subject, device: str | None) -> Iterator[Snapshot]:
    """Puts everything of the user's back that the subject's functions can reach, whatever happens.

    Raises:
        UnusableInputError: a `device` was given.
    """
    if device is not None:
        raise UnusableInputError(
            f"device={device!r}: a Keras model runs where its backend has put it; leave device out, and set the "
            "device of the backend before the model is built"
        )
    functions = [getattr(subject, name) for name in _FUNCTIONS]
    data = (subject.train_data, subject.validation_data)
    with kept(subject.model, subject.optimizer, functions, subject.source_model, *data) as snapshot:
        yield snapshot


def _refill(items: Any, kept: dict[Any, Any]) -> None:
    if len(items) == len(kept) and all(dict.get(items, key, kept) is value for key, value in kept.items()):
        return
    dict.clear(items)
    dict.update(items, kept)


def _wrapped(value: Any) -> Any:
    """The function inside of a compiled one, as tf.function and jax.jit make them."""
    inner = getattr(value, "python_function", None) or getattr(value, "__wrapped__", None)
    return inner if isinstance(inner, types.FunctionType | types.MethodType) else None


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _random_state(generator: Any) -> Callable[[], object]:
    if isinstance(generator, random.Random):
        return functools.partial(generator.setstate, generator.getstate())
    if isinstance(generator, np.random.RandomState):
        return functools.partial(generator.set_state, generator.get_state())
    return functools.partial(setattr, generator.bit_generator, "state", generator.bit_generator.state)
