"""What to do about a live model's mistake, in the words of its framework; the checks themselves speak of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from steadynorm.finding import Finding

_RECALIBRATE = " Then re-estimate: steadynorm.recalibrate."

_KERAS: Mapping[str, str] = {
    "SN101": "Use a momentum below 1, and in a loop without side effects put the non-trainable variables that "
    "stateless_call returns back into the state." + _RECALIBRATE,
    "SN102": "Update every layer: look for a momentum of 1, or for a part of the model whose new non-trainable "
    "variables are dropped." + _RECALIBRATE,
    "SN103": "Save and load the whole model or its weights (model.save, model.save_weights), which hold the "
    "statistics, instead of model.trainable_variables; until then re-estimate them: 'steadynorm repair'.",
    "SN201": "Call the model with training=False for inference, and hand the argument `training` of call() on to the "
    "layer instead of True.",
    "SN202": "Call the model with training=True in the train step, and hand the argument `training` of call() on to "
    "every layer.",
    "SN204": "Evaluate with training=False; in training leave out a last batch of one sample "
    "(drop_remainder=True), or use larger batches.",
    "SN208": "Assign the layer to an attribute of the model, or of a layer in it, so that Keras knows it as a part.",
    "SN501": "Build these with use_bias=False; beta does the same job.",
    "SN601": "Set layer.trainable = False, which also makes a normalization layer of Keras normalize by its stored "
    "statistics, or leave its parameters trainable.",
}

_TENSORFLOW: Mapping[str, str] = {
    "SN101": "Make the train op with steadynorm.tensorflow.create_train_op or minimize, which run every update, "
    "or let it depend on tf.compat.v1.get_collection('update_ops'). Then re-estimate: steadynorm.recalibrate.",
    "SN102": "Collect the update ops after the whole network is built, and let the train op depend on all of them: "
    "steadynorm.tensorflow.create_train_op does.",
    "SN103": "Save all variables, not the trainable ones alone, and restore them before use: "
    "steadynorm.tensorflow.Saver adds the statistics; until then re-estimate them: 'steadynorm repair'.",
    "SN106": "Build the layers so that they average their moments into variables and read these in inference, as "
    "steadynorm.tensorflow.batch_norm does; or use a normalization without batch moments.",
    "SN107": "Run that pass with the mode of inference; then re-estimate the statistics: steadynorm.recalibrate.",
    "SN201": "Let a placeholder decide (is_training=mode, training=mode) and feed it False in inference, or build "
    "inference with False.",
    "SN202": "Feed the mode True in every run of the train op, or build the training graph with is_training=True "
    "(training=True), and train again. New statistics alone may make this model worse: its weights were trained "
    "with these.",
    "SN204": "Drop the last small batch, or use larger batches; feed the mode False in inference.",
    "SN501": "Build these with use_bias=False, or without tf.nn.bias_add; beta does the same job.",
    "SN601": "Build frozen layers with is_training=False (training=False), or leave gamma and beta among the variables "
    "to train.",
}

_OF = {"keras": _KERAS, "tensorflow": _TENSORFLOW}


def in_words_of(framework: str, found: Finding) -> Finding:
    """The finding with the remedy as users of the framework would write it."""
    remedy = _OF.get(framework, {}).get(found.code)
    return found if remedy is None else replace(found, remedy=remedy)
