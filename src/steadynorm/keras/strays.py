"""Finds normalization layers that a model uses though it does not hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from steadynorm.keras.calls import replaced


@contextmanager
def watch_strays(registered: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Inside it, forward passes fill the dict that it gives with normalization layers that are none of `registered`."""
    known = {id(layer) for layer in registered.values()}
    strays: dict[str, Any] = {}

    def noting(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if id(layer) not in known:
                known.add(id(layer))
                strays[f"<unregistered {type(layer).__name__} {len(strays)}>"] = layer
            return original(layer, *args, **kwargs)

        return call

    with ExitStack() as stack:
        for kind in _kinds(keras.layers.BatchNormalization):
            if "call" in vars(kind):
                stack.enter_context(replaced(kind, "call", noting(vars(kind)["call"])))
        yield strays


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    subclasses: list[type[Any]] = kind.__subclasses__()
    for each in subclasses:
        yield from _kinds(each)
