"""What to do about a checkpoint, in the words of the framework that wrote it."""

from __future__ import annotations

from collections.abc import Mapping

_SAVE = {
    "torch": "Save model.state_dict(), which has the buffers, instead of model.parameters() or named_parameters(), and "
    "the buffers too in an adapter's file",
    "tensorflow": "Save all variables: tf.train.Saver(tf.global_variables()) instead of tf.trainable_variables(), "
    "tf.train.Checkpoint(model=model) instead of a list of variables",
    "keras": "Save model.save() or model.save_weights(), or model.weights instead of model.trainable_weights",
    "flax": "Save batch_stats beside params",
}
_SAVE["onnx"] = _SAVE["torch"]

_LOST = {
    "torch": "training in inference mode (model.eval() without model.train() after it), a file written from "
    "model.parameters(), or a restore that left them out (load_state_dict(strict=False))",
    "tensorflow": "updates that never ran (tf.GraphKeys.UPDATE_OPS), a file written from tf.trainable_variables(), or "
    "an initializer that ran after the restore",
    "keras": "a call without training=True in a training loop of one's own, a file written from "
    "model.trainable_weights, or weights that were loaded with skip_mismatch=True",
    "flax": "training with use_running_average=True, an apply() without mutable=['batch_stats'] or whose new "
    "batch_stats were dropped, or a restore of params alone",
    "onnx": "training in inference mode, or an export of a model whose weights were restored without them",
}

_RESTORE = {
    "torch": "Restore by the names in the file: load_state_dict(strict=True), and look at what it calls missing",
    "tensorflow": "Restore by the names in the file: no ignore_missing_vars, an assignment map that covers moving_mean "
    "and moving_variance, the initializer before the restore",
    "keras": "Restore all weights: load_weights() without skip_mismatch, and no set_weights() of trainable_weights",
    "flax": "Restore batch_stats beside params, into a state whose tree has both",
    "onnx": "Restore all tensors of the model before it is exported",
}

_FREEZE = {
    "torch": "layer.eval() after every model.train(); requires_grad=False leaves the statistics moving",
    "tensorflow": "is_training=False for these layers, or leave their updates out of UPDATE_OPS",
    "keras": "layer.trainable = False, or call the frozen part with training=False",
    "flax": "use_running_average=True for these layers, or put their old batch_stats back after each step",
    "onnx": "training_mode=0",
}

_UPDATE = {
    "torch": "model.train()",
    "tensorflow": "is_training=True, and tf.GraphKeys.UPDATE_OPS with the train step",
    "keras": "training=True and layer.trainable = True",
    "flax": "use_running_average=False and mutable=['batch_stats']",
    "onnx": "training_mode=1",
}

_AVERAGE = {
    "torch": "AveragedModel(use_buffers=True), or torch.optim.swa_utils.update_bn(loader, averaged)",
    "tensorflow": "ema.apply(tf.trainable_variables() + the moving statistics)",
    "keras": "average model.weights instead of model.trainable_weights",
    "flax": "average batch_stats with the same decay as params",
}
_AVERAGE["onnx"] = _AVERAGE["torch"]


def saving(framework: str) -> str:
    """How to save the statistics too."""
    return _of(_SAVE, framework)


def losing(framework: str) -> str:
    """How they get lost, or are never updated."""
    return _of(_LOST, framework)


def restoring(framework: str) -> str:
    """How to restore them too."""
    return _of(_RESTORE, framework)


def freezing(framework: str) -> str:
    """How to keep the statistics of a layer as they are while others are trained."""
    return _of(_FREEZE, framework)


def updating(framework: str) -> str:
    """How to have them updated in training."""
    return _of(_UPDATE, framework)


def averaging(framework: str) -> str:
    """How to average them along with the weights."""
    return _of(_AVERAGE, framework)


def _of(words: Mapping[str, str], framework: str) -> str:
    return words.get(framework, words["tensorflow"])
