"""What a model_fn returns: the ops that training, evaluation and prediction run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from steadynorm.tensorflow.estimator.export_outputs import ExportOutput, PredictOutput, check_export_outputs

LOSS = "loss"
GLOBAL_STEP = "global_step"


class ModeKeys:
    """What a model is built for, with the values that tf.estimator.ModeKeys had."""

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


_MODES = (ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT)
_HOOKS = ("training_chief_hooks", "training_hooks", "evaluation_hooks", "prediction_hooks")


class _Fields(NamedTuple):
    mode: str
    predictions: Any
    loss: Any
    train_op: Any
    eval_metric_ops: dict[str, Any]
    export_outputs: dict[str, ExportOutput] | None
    training_chief_hooks: tuple[Any, ...]
    training_hooks: tuple[Any, ...]
    scaffold: Any
    evaluation_hooks: tuple[Any, ...]
    prediction_hooks: tuple[Any, ...]


class EstimatorSpec(_Fields):
    """The ops and objects that a model_fn returns; checked when it is made, so that the error points into the model_fn.

    Source: tf.estimator.EstimatorSpec.

    Arguments:
        mode: one of ModeKeys.
        predictions: a tensor or a dict of tensors, the examples along axis 0; needed to predict.
        loss: a scalar tensor, or one of shape [1]; needed to train and to evaluate.
        train_op: the op of one training step; needed to train.
        eval_metric_ops: name → (value, update_op), as tf.compat.v1.metrics.* return them.
        export_outputs: signature name → an ExportOutput; in prediction mode, None exports the predictions.
        training_chief_hooks, training_hooks, evaluation_hooks, prediction_hooks: SessionRunHooks for the mode of the
            name.
        scaffold: a tf.compat.v1.train.Scaffold with the saver and the initialization; None for TensorFlow's own.

    Raises:
        ValueError: what the mode needs is missing, or a part has the wrong shape or graph.
        TypeError: a part is not what it should be.
    """

    __slots__ = ()

    def __new__(
        cls,
        mode: str,
        predictions: Any = None,
        loss: Any = None,
        train_op: Any = None,
        eval_metric_ops: Mapping[str, Any] | None = None,
        export_outputs: Mapping[str, ExportOutput] | None = None,
        training_chief_hooks: Any = None,
        training_hooks: Any = None,
        scaffold: Any = None,
        evaluation_hooks: Any = None,
        prediction_hooks: Any = None,
    ) -> EstimatorSpec:
        """Checks the parts against the mode."""
        check_mode(mode)
        _check_present(mode, predictions=predictions, loss=loss, train_op=train_op)
        metrics = dict(eval_metric_ops or {})
        _check_metrics(metrics)
        if predictions is not None:
            _check_tensors("predictions", predictions)
        if train_op is not None and not isinstance(train_op, (tf.Operation, tf.Tensor, tf.Variable)):
            raise TypeError(f"train_op is {train_op!r}; expected the op that optimizer.minimize returns")
        if export_outputs is None and mode == ModeKeys.PREDICT:
            export_outputs = {_DEFAULT_SIGNATURE: PredictOutput(predictions)}
        if scaffold is not None and not isinstance(scaffold, tf.compat.v1.train.Scaffold):
            raise TypeError(f"scaffold is {scaffold!r}; expected a tf.compat.v1.train.Scaffold")
        given = (training_chief_hooks, training_hooks, evaluation_hooks, prediction_hooks)
        hooks = {name: check_hooks(value, name) for name, value in zip(_HOOKS, given, strict=True)}
        return super().__new__(
            cls,
            mode=mode,
            predictions=predictions,
            loss=None if loss is None else _scalar(loss),
            train_op=train_op,
            eval_metric_ops=metrics,
            export_outputs=None if export_outputs is None else check_export_outputs(export_outputs),
            scaffold=scaffold,
            **hooks,
        )


_DEFAULT_SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


def check_mode(mode: object) -> None:
    """Raises ValueError if `mode` is none of ModeKeys."""
    if mode not in _MODES:
        raise ValueError(f"mode is {mode!r}; expected ModeKeys.TRAIN, EVAL or PREDICT ('train', 'eval' or 'infer')")


def check_hooks(hooks: Any, name: str) -> tuple[Any, ...]:
    """`hooks` as a tuple.

    Raises:
        TypeError: one of them is no SessionRunHook.
    """
    checked = tuple(hooks or ())
    for hook in checked:
        if not isinstance(hook, tf.compat.v1.train.SessionRunHook):
            raise TypeError(
                f"{name} holds {hook!r}; expected objects of tf.compat.v1.train.SessionRunHook: inherit from it, "
                "and pass the object, not the class"
            )
    return checked


def check_listeners(listeners: Iterable[Any] | None) -> list[Any]:
    """`saving_listeners` as a list.

    Raises:
        TypeError: one of them is no CheckpointSaverListener.
    """
    for listener in listeners or ():
        if not isinstance(listener, tf.compat.v1.train.CheckpointSaverListener):
            raise TypeError(
                f"saving_listeners holds {listener!r}; expected objects of tf.compat.v1.train.CheckpointSaverListener"
            )
    return list(listeners or ())


def _check_present(mode: str, **parts: Any) -> None:
    needed = {ModeKeys.TRAIN: ("loss", "train_op"), ModeKeys.EVAL: ("loss",), ModeKeys.PREDICT: ("predictions",)}[mode]
    missing = [name for name in needed if parts[name] is None]
    if missing:
        raise ValueError(
            f"the EstimatorSpec for mode {mode!r} has no {' and no '.join(missing)}; expected {' and '.join(needed)}: "
            "compute what the mode needs in the model_fn and pass it"
        )


def _check_tensors(name: str, values: Any) -> None:
    parts = values.items() if isinstance(values, Mapping) else [(None, values)]
    if not parts:
        raise ValueError(f"{name} is an empty dict; expected at least one tensor")
    for key, value in parts:
        label = name if key is None else f"{name}[{key!r}]"
        if not tf.is_tensor(value):
            raise TypeError(f"{label} is {value!r}; expected a tensor")
        _check_graph(label, value)


def _check_graph(label: str, tensor: Any) -> None:
    graph = getattr(tensor, "graph", None)
    if graph is not None and graph is not tf.compat.v1.get_default_graph():
        raise ValueError(
            f"{label} ({tensor.name}) belongs to another graph than the one that the Estimator builds; expected "
            "everything to be made inside model_fn: do not keep tensors from outside"
        )


def _scalar(loss: Any) -> Any:
    loss = tf.convert_to_tensor(loss)
    _check_graph("loss", loss)
    shape = loss.shape
    if not shape.is_compatible_with([]) and not shape.is_compatible_with([1]):
        raise ValueError(
            f"loss has the shape {shape}; expected a scalar: take its mean over the examples with tf.reduce_mean"
        )
    return tf.reshape(loss, []) if shape.rank != 0 else loss


def _check_metrics(metrics: dict[str, Any]) -> None:
    for name, metric in metrics.items():
        if name in (LOSS, GLOBAL_STEP):
            raise ValueError(
                f"eval_metric_ops has a metric named {name!r}, which every evaluation already writes; give it another "
                "name"
            )
        if not isinstance(metric, tuple) or len(metric) != 2:
            raise TypeError(
                f"eval_metric_ops[{name!r}] is {metric!r}; expected (value, update_op), as tf.compat.v1.metrics.* "
                "return: a Keras metric keeps its state outside the session's graph and cannot be used here"
            )
        for part in metric:
            if not isinstance(part, (tf.Operation, tf.Tensor, tf.Variable)):
                raise TypeError(f"eval_metric_ops[{name!r}] holds {part!r}; expected tensors or ops")
            _check_graph(f"eval_metric_ops[{name!r}]", part)
