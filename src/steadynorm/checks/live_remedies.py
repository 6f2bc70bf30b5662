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


def in_words_of(framework: str, found: Finding) -> Finding:
    """The finding with the remedy as users of the framework would write it."""
    remedy = _KERAS.get(found.code) if framework == "keras" else None
    return found if remedy is None else replace(found, remedy=remedy)
