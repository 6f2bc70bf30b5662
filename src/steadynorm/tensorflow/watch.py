"""A warning when a graph is done in which a layer normalizes by its batch for ever, or its updates will not run."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from steadynorm.report.words import folded
from steadynorm.tensorflow.inference_mode import layers_fixed_in_inference
from steadynorm.tensorflow.layer_variables import operation_names, read_graph
from steadynorm.tensorflow.registry import LayerRecord, layers, outermost
from steadynorm.tensorflow.train_steps import train_steps

# Keys that are no strings, as in the registry: such collections are not exported.
_WATCHED: Any = ("steadynorm", "watched")
WARNED: Any = ("steadynorm", "warned")
_BATCH: Any = ("steadynorm", "named as fixed in training mode")
_FIXED: Any = ("steadynorm", "named as fixed in inference mode")
_INFERENCE: Any = ("steadynorm", "infers whatever optimizers it holds")


class UnsafeLayerWarning(UserWarning):
    """A layer of a finished graph will not do in inference what it did in training."""


def watch_graph(graph: tf.Graph | None = None) -> None:
    """Let a graph warn about its layers when it is finalized; other graphs and TensorFlow itself stay as they are.

    Args:
        graph: the graph; None for the default one.
    """
    whole: Any = outermost(graph)
    if whole.get_collection(_WATCHED):
        return
    whole.add_to_collection(_WATCHED, True)
    finalize = whole.finalize

    def warn_and_finalize() -> None:
        warn_unsafe_layers(whole, stacklevel=3)
        finalize()

    whole.finalize = warn_and_finalize


def warn_unsafe_layers(graph: tf.Graph | None = None, stacklevel: int = 2, *, exporting: bool = False) -> None:
    """Warn, once per layer and graph, about what inference would get wrong.

    - The layer is in training mode for good, and the graph trains nothing: it is for evaluation, prediction or export,
      where outputs then depend on the rest of the batch. A graph that trains may be for training alone.
    - The graph trains, the layer's updates are in a collection, and nothing in the graph depends on those of any
      application, so that a run of the train step leaves the moving statistics as they are (unless the program fetches
      them in every step).
    - The graph trains the layer, but applies it in inference mode for good. Layers that are kept frozen, gamma and beta
      included, are not meant.

    Finalizing a graph calls this, and so does the Estimator before it exports. Nothing tells a graph that it is
    exported by other means: tf.compat.v1.saved_model.simple_save, a Builder, a Saver's export_meta_graph or freezing
    call nothing of this package. Call this with `exporting=True` before them. Which outputs are exported is not known
    here either, so a layer that is also applied in inference mode, or with a mode that is a tensor, is taken to be
    exported that way.

    Args:
        graph: the graph; None for the default one.
        stacklevel: which caller the warning points to, as in `warnings.warn`.
        exporting: whether the graph is about to be exported: a layer in training mode for good is then named even if
            the graph trains, as one does that was built once with is_training=True, trained and saved as it is.
    """
    whole = outermost(graph)
    everything = layers(whole)
    warned = whole.get_collection_ref(WARNED)
    records = [record for record in everything if id(record) not in warned]
    warned.extend(id(record) for record in records)
    steps = train_steps(whole, read_graph(whole)) if everything and not only_infers(whole) else []
    fixed = [] if steps and not exporting else _fixed_in_training(everything, alone=exporting)
    told = whole.get_collection_ref(_BATCH)
    _warn(
        (record.name for record in fixed if id(record) not in told),
        f"fixed in training mode in a graph that {'is exported' if exporting else 'trains nothing'}, so the output for "
        "an example depends on the batch around it: pass is_training=False (training=False), or a placeholder",
        stacklevel + 1,
    )
    told.extend(id(record) for record in fixed)
    loose = _loose(everything) if steps else set()
    _warn(
        (record.name for record in records if record in loose and record not in fixed),
        "not updated by any step, unless every step fetches them: nothing in the graph depends on the updates of the "
        "moving statistics, which are in a collection. Make the train op with steadynorm.tensorflow.create_train_op or "
        "minimize, or pass updates_collections=None",
        stacklevel + 1,
    )
    if steps and any(record.mode is False for record in records):
        named = whole.get_collection(_FIXED)
        run = [whole.get_operation_by_name(each) for each in steps]
        trained = [name for name in layers_fixed_in_inference(run) if name not in named]
        remember_fixed(trained, whole)
        _warn(
            trained,
            "trained, but fixed in inference mode, which normalizes by moving statistics that never move: pass "
            "is_training=True (training=True) or a placeholder, or leave gamma and beta, or all that comes before, out "
            "of the variables to train",
            stacklevel + 1,
        )


def _fixed_in_training(records: Iterable[LayerRecord], alone: bool) -> list[LayerRecord]:
    """The applications that take the moments of the batch for good; `alone`: of layers that have no other ones."""
    others = {name for each in records if each.mode is not True for name in operation_names(each.moving_mean)}
    fixed = [record for record in records if record.mode is True]
    return [each for each in fixed if not (alone and others.intersection(operation_names(each.moving_mean)))]


def let_infer(graph: tf.Graph | None = None) -> None:
    """Let a graph be judged as one that no step will train, such as for evaluation, whatever optimizers it holds.

    Args:
        graph: the graph; None for the default one.
    """
    outermost(graph).get_collection_ref(_INFERENCE).append(True)


def only_infers(graph: tf.Graph | None = None) -> bool:
    """Tell whether `let_infer` was called for a graph.

    Args:
        graph: the graph; None for the default one.
    """
    return bool(outermost(graph).get_collection(_INFERENCE))


def remember_fixed(names: Iterable[str], graph: tf.Graph | None = None) -> None:
    """Let a graph not warn again of layers that were named as trained in inference mode.

    Args:
        names: of the layers.
        graph: the graph; None for the default one.
    """
    outermost(graph).get_collection_ref(_FIXED).extend(names)


def _warn(names: Iterable[str], what: str, stacklevel: int) -> None:
    names = list(dict.fromkeys(names))
    if names:
        verb = "is" if len(names) == 1 else "are"
        what = f"batch normalization {folded([repr(name) for name in names])} {verb} {what}"
        warnings.warn(what, UnsafeLayerWarning, stacklevel=stacklevel + 1)


def _loose(records: Iterable[LayerRecord]) -> set[LayerRecord]:
    """The applications whose updates are for others to run, of layers of which nothing runs any application's."""
    used: dict[Any, set[Any]] = {}
    hanging: dict[Any, set[LayerRecord]] = {}
    moving: set[Any] = set()
    for record in records:
        if record.updates:
            statistics = operation_names(record.moving_mean)
            if record.updates_collections is None or _run_by_others(record, used):
                moving.add(statistics)
            else:
                hanging.setdefault(statistics, set()).add(record)
    return {record for statistics, found in hanging.items() if statistics not in moving for record in found}


def _run_by_others(record: LayerRecord, used: dict[Any, set[Any]]) -> bool:
    """Tell whether other operations depend on all updates of an application.

    Args:
        record: of the application.
        used: by graph, the operations that others depend on; filled as graphs are met.
    """
    graph = record.updates[0].graph
    if graph not in used:
        used[graph] = _used(graph)
    return used[graph].issuperset(record.updates)


def _used(graph: Any) -> set[Any]:
    """The operations of a graph that others depend on, or that a function returns or ends with."""
    found = {tensor.op for tensor in getattr(graph, "outputs", ())} | set(getattr(graph, "control_outputs", ()))
    for operation in graph.get_operations():
        found.update(operation.control_inputs)
        found.update(tensor.op for tensor in operation.inputs)
    return found
