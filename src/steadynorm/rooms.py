"""Finds the framework of an object without importing any: the object's own class says where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from steadynorm.errors import UnusableInputError

_BASES = {
    # The first that is found counts: on PyTorch a layer of Keras is a torch.nn.Module as well.
    "keras.src.layers.layer.Layer": "keras",
    "torch.nn.modules.module.Module": "torch",
    "steadynorm.tensorflow.graph_subject.GraphModel": "tensorflow",
}


def framework_of(model: Any, others: Mapping[str, str] | None = None) -> str:
    """The framework whose base class `model` inherits, as `torch`.

    Arguments:
        model: of any framework.
        others: what else than models is accepted, the framework by base class.

    Raises:
        UnusableInputError: it is a model of none of them.
    """
    known = {**_BASES, **(others or {})}
    for base in type(model).__mro__:
        framework = known.get(f"{base.__module__}.{base.__qualname__}")
        if framework is not None:
            return framework
    raise UnusableInputError(
        f"the model is a {type(model).__module__}.{type(model).__qualname__}; expected a torch.nn.Module, a "
        "keras.Model (of Keras 3) or, for a graph of TensorFlow, a "
        f"{'tf.compat.v1.Session' if others else 'steadynorm.tensorflow.GraphSubject'}"
    )


def room(model: Any, name: str, others: Mapping[str, str] | None = None) -> ModuleType:
    """The module `name` (as `live`) of the folder of the model's framework.

    Arguments:
        model: see `framework_of`.
        name: of the module.
        others: see `framework_of`.

    Raises:
        UnusableInputError: see `framework_of`.
    """
    return import_module(f"steadynorm.{framework_of(model, others)}.{name}")
