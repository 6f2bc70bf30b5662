"""Exports of functions: which call of a run writes what a function does for ever."""

from __future__ import annotations

from steadynorm.source.symbolic.flow import inputs, inside
from steadynorm.source.symbolic.trace import Call, Callback, Run
from steadynorm.source.symbolic.values import Product

_EXPORTING = frozenset(
    {
        "tensorflow.saved_model.save",
        "tensorflow.saved_model.experimental.save",
        "tensorflow.lite.TFLiteConverter.from_concrete_functions",
        "tensorflow.lite.TFLiteConverter.from_keras_model",
        "tf2onnx.convert.from_function",
        "jax.export.export",
        "jax.experimental.export.export",
        "jax.experimental.jax2tf.convert",
        "orbax.export.JaxModule",
        ".write_out",
    }
)
_STEPS = (".get_concrete_function", ".add_endpoint", ".lower")
"""Calls that prepare an export."""


def export_of(call: Call, run: Run) -> Call | None:
    """The export that a call becomes a part of; `None` if it is run by the program itself."""
    for block in call.within:
        if isinstance(block, Callback) and block.call is not None:
            if block.call.name in _EXPORTING:
                return block.call
            if block.call.name in _STEPS:
                return _written(block.call, run)
    return None


def _written(step: Call, run: Run) -> Call | None:
    """The export that a step of it belongs to."""
    for call in run.calls():
        if call.index <= step.index or call.name not in _EXPORTING:
            continue
        if step.receiver is not None and call.receiver is step.receiver:
            return call
        if any(isinstance(each, Product) and each.call is step for each in inside(*inputs(call))):
            return call
    return None
