"""Train ops that run the updates of the moving statistics, and say which they would leave out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from steadynorm.report.words import counted, folded
from steadynorm.tensorflow.fetches import to_operation
from steadynorm.tensorflow.gradients import after, clipped, multiplied, summarized
from steadynorm.tensorflow.inference_mode import fixed_in_inference
from steadynorm.tensorflow.layer_variables import operation_names
from steadynorm.tensorflow.registry import outermost, require_graph
from steadynorm.tensorflow.step_reading import read_step
from steadynorm.tensorflow.updates import describe_missed, missed_by, updated_by_others
from steadynorm.tensorflow.watch import only_infers, remember_fixed

_v1 = tf.compat.v1
_DEFAULT_STEP: Any = object()


def create_train_op(
    total_loss: Any,
    optimizer: Any,
    global_step: Any = _DEFAULT_STEP,
    update_ops: Iterable[Any] | None = None,
    variables_to_train: Sequence[Any] | None = None,
    transform_grads_fn: Callable[[list[Any]], list[Any]] | None = None,
    summarize_gradients: bool = False,
    gate_gradients: int = _v1.train.Optimizer.GATE_OP,
    aggregation_method: int | None = None,
    colocate_gradients_with_ops: bool = False,
    check_numerics: bool = True,
    *,
    clip_gradient_norm: float = 0.0,
    gradient_multipliers: Mapping[Any, Any] | None = None,
    except_for: Iterable[str] = (),
) -> tf.Tensor:
    """Create a tensor that takes one training step and returns the loss, as tf.contrib.training and slim.learning do.

    The updates run before the loss is returned and before the variables are changed. A loss that is not finite ends the
    step with an error and, unlike in the original, before the trained variables are changed. It does not protect the
    moving statistics: their updates run before the loss is known, so a batch with NaN gets into them; restore them
    from a checkpoint then. Nor does it look at gradients, which may be NaN although the loss is finite.

    Arguments:
        total_loss: a scalar.
        optimizer: a `tf.compat.v1.train.Optimizer`, or what has its compute_gradients and apply_gradients.
        global_step: a variable that counts steps, None to count none; by default the graph's, created if need be.
        update_ops: operations or tensors to run; None for the collection UPDATE_OPS as it is now, so build all layers
            first. A warning names the moving statistics whose updates neither this train op nor another one of the
            graph runs.
        variables_to_train: None for all trainable variables.
        transform_grads_fn: takes and returns a list of pairs (gradient, variable).
        summarize_gradients: whether to add summaries of the gradients.
        gate_gradients: how much of the gradients is computed before any is applied.
        aggregation_method: how gradients of one variable are summed, of `tf.AggregationMethod`.
        colocate_gradients_with_ops: whether to place gradients on the devices of their operations.
        check_numerics: whether a loss that is not finite is an error.
        clip_gradient_norm: norm that each gradient is clipped to (slim.learning); 0 for no clipping.
        gradient_multipliers: by variable or its name, a factor for its gradient (slim.learning).
        except_for: beginnings of the names of statistics that are not to be warned of, such as the scope of a
            discriminator whose train op is made later.

    Returns:
        a scalar, the loss, also in the collection TRAIN_OP.

    Raises:
        ValueError: there is nothing to train, a variable to train is not trainable, or an update op cannot be run from
            here since it is inside a condition, a loop or another graph.
        RuntimeError: TensorFlow executes eagerly.

    Source: tf.contrib.training.create_train_op; slim.learning.create_train_op.
    """
    require_graph("create_train_op")
    updates = _updates(update_ops)
    variables = _trained(variables_to_train)
    if global_step is _DEFAULT_STEP:
        global_step = _v1.train.get_or_create_global_step()
    total_loss = tf.convert_to_tensor(total_loss)
    with tf.control_dependencies(updates):
        total_loss = tf.identity(total_loss, name="updated_loss")
    gradients = _gradients(
        optimizer,
        total_loss,
        var_list=variables,
        gate_gradients=gate_gradients,
        aggregation_method=aggregation_method,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
    )
    if gradient_multipliers:
        gradients = multiplied(gradients, gradient_multipliers)
    if clip_gradient_norm > 0:
        gradients = clipped(gradients, clip_gradient_norm)
    if transform_grads_fn is not None:
        gradients = transform_grads_fn(gradients)
    if summarize_gradients:
        summarized(gradients)
    with tf.name_scope("train_op"):
        if check_numerics:
            total_loss = tf.debugging.check_numerics(total_loss, "LossTensor is inf or nan")
    applied = optimizer.apply_gradients(after([total_loss], gradients), global_step=global_step)
    with tf.name_scope("train_op"), tf.control_dependencies([applied]):
        train_op = tf.identity(total_loss)
    _collect(train_op)
    _warn(train_op, variables, except_for)
    return train_op


def minimize(
    optimizer: Any,
    loss: Any,
    global_step: Any = None,
    var_list: Sequence[Any] | None = None,
    gate_gradients: int = _v1.train.Optimizer.GATE_OP,
    aggregation_method: int | None = None,
    colocate_gradients_with_ops: bool = False,
    name: str | None = None,
    grad_loss: Any = None,
    update_ops: Iterable[Any] | None = None,
    except_for: Iterable[str] = (),
) -> tf.Operation:
    """Return what `optimizer.minimize(loss, …)` returns, but with the updates of the moving statistics run first.

    Arguments:
        optimizer: a `tf.compat.v1.train.Optimizer`, or what has its compute_gradients and apply_gradients.
        loss: the value to minimize.
        global_step: a variable that counts steps, None to count none.
        var_list: the variables to train, trainable or not; None for all trainable ones.
        gate_gradients: how much of the gradients is computed before any is applied.
        aggregation_method: how gradients of one variable are summed, of `tf.AggregationMethod`.
        colocate_gradients_with_ops: whether to place gradients on the devices of their operations.
        name: name of the operation.
        grad_loss: the gradient of the loss, where it is not 1.
        update_ops: operations or tensors to run; None for the collection UPDATE_OPS as it is now, so build all layers
            first. A warning names the moving statistics whose updates neither this train op nor another one of the
            graph runs.
        except_for: as for `create_train_op`.

    Returns:
        an operation, also in the collection TRAIN_OP.

    Raises:
        ValueError: as `create_train_op`, but for variables that are not trainable.
        RuntimeError: TensorFlow executes eagerly.

    Source: tf.train.Optimizer.minimize.
    """
    require_graph("minimize")
    updates = _updates(update_ops)
    variables = _trained(var_list, only_trainable=False)
    gradients = _gradients(
        optimizer,
        loss,
        var_list=variables,
        gate_gradients=gate_gradients,
        aggregation_method=aggregation_method,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
        **({} if grad_loss is None else {"grad_loss": grad_loss}),
    )
    train_op = optimizer.apply_gradients(after(updates, gradients), global_step=global_step, name=name)
    _collect(train_op)
    _warn(train_op, variables, except_for)
    return train_op


def _updates(given: Iterable[Any] | None) -> list[Any]:
    graph = _v1.get_default_graph()
    updates = list(graph.get_collection(_v1.GraphKeys.UPDATE_OPS) if given is None else given)
    for each in updates:
        operation = to_operation(each)
        within = operation.graph
        # Waiting for an operation of the branch not taken would make the whole step wait in vain.
        switched = within is graph and operation._get_control_flow_context() not in _contexts(graph)
        if switched or (within is not graph and outermost(within) is outermost(graph)):
            raise ValueError(
                f"update op {operation.name!r} is inside a condition, loop or function, so the train op outside cannot "
                "wait for it: build the layer with updates_collections=None, so that its updates are part of its output"
            )
        if within is not graph:
            raise ValueError(
                f"update op {operation.name!r} belongs to another graph: build the layers and the train op in one"
            )
    return updates


def _contexts(graph: tf.Graph) -> list[Any]:
    """The condition or loop that is being built, those around it, and none at all."""
    contexts = [graph._get_control_flow_context()]
    while contexts[-1] is not None:
        contexts.append(contexts[-1].outer_context)
    return contexts


def _trained(given: Sequence[Any] | None, only_trainable: bool = True) -> list[Any]:
    trainable = _v1.trainable_variables()
    if given is None:
        if not trainable:
            raise ValueError("there is nothing to train: the graph has no trainable variables; build the model first")
        return list(trainable)
    variables = list(given)
    if not variables:
        raise ValueError("there is nothing to train: the list of variables is empty; pass None for all trainable ones")
    known = {name for each in trainable for name in operation_names(each)}
    strange = [name for each in variables for name in operation_names(each) if name not in known]
    if only_trainable and strange:
        raise ValueError(f"variables to train are not among the graph's trainable variables: {', '.join(strange)}")
    return variables


def _gradients(optimizer: Any, loss: Any, var_list: list[Any], **options: Any) -> list[Any]:
    if not hasattr(optimizer, "compute_gradients"):
        raise TypeError(
            "optimizer must be one of tf.compat.v1.train, not "
            f"{type(optimizer).__module__}.{type(optimizer).__name__}: use for instance "
            "tf.compat.v1.train.MomentumOptimizer"
        )
    gradients = list(optimizer.compute_gradients(loss, var_list=var_list, **options))
    if all(gradient is None for gradient, _ in gradients):
        names = ", ".join(name for each in var_list for name in operation_names(each))
        raise ValueError(f"the loss does not depend on any of the variables to train: {names}")
    return gradients


def _collect(train_op: Any) -> None:
    collection = _v1.get_collection_ref(_v1.GraphKeys.TRAIN_OP)
    if not any(each is train_op for each in collection):
        collection.append(train_op)


def _warn(train_op: Any, variables: list[Any], except_for: Iterable[str]) -> None:
    if only_infers():
        return
    excepted = (except_for,) if isinstance(except_for, str) else tuple(except_for)
    step = read_step(train_op)
    missed = [each for each in missed_by(step) if not each.variable.startswith(excepted)]
    if missed:
        elsewhere = updated_by_others(step)
        missed = [each for each in missed if each.variable not in elsewhere]
    if missed:
        warnings.warn(describe_missed(missed), UserWarning, stacklevel=3)
    fixed = fixed_in_inference(step, variables)
    if fixed:
        remember_fixed(fixed)
        warnings.warn(
            f"the train op trains {counted(len(fixed), 'layer')} built with is_training=False, which normalize by "
            f"moving statistics that never move: {folded(fixed)}. Build them with is_training=True or a "
            "placeholder; to keep them frozen, leave their gamma and beta out of the variables to train.",
            UserWarning,
            stacklevel=3,
        )
