"""SN2 in source: the mode in which each path through the program runs the layers."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks import source_tensorflow as tensorflow
from steadynorm.checks import source_torch as torch
from steadynorm.checks.registry import check
from steadynorm.checks.source_words import Words, worded
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding

_BY_BATCH = "prediction normalizes by the moments of its own batch"

_INFERENCE: Words = {
    ("keras", "constant"): (
        f"'{{subject}}' is called with training=True outside of training: {_BY_BATCH}",
        "Write training=False here.",
    ),
    ("keras", "handed"): (
        f"'{{subject}}' is called with training=True, which line {{line}} hands on outside of training: {_BY_BATCH}",
        "Pass the mode there: training=False.",
    ),
    ("keras", "default"): (
        f"'{{subject}}' is called without a mode, and the default of its call() is training=True: {_BY_BATCH}",
        "Write def call(self, inputs, training=False), and training=True in the train step.",
    ),
    ("keras", "layer"): (
        f"'{{subject}}' is called with training=True whatever the model is told: {_BY_BATCH}",
        "{write}.",
    ),
    ("keras", "functional"): (
        f"'{{subject}}' is built into the model with training=True, which predict() and evaluate() cannot change: "
        f"{_BY_BATCH}",
        "Leave training out where a functional model is built: fit() and predict() set it.",
    ),
    ("keras", "phase"): (
        f"the learning phase is set to training for good: with it {_BY_BATCH}",
        "Write keras.backend.set_learning_phase(0) before inference, or leave it out and pass training= to calls.",
    ),
    ("jax", "constant"): (
        f"'{{subject}}' is applied with {{argument}}={{value}} outside of training: {_BY_BATCH}",
        "Write {argument}={right}{keeping}.",
    ),
    ("jax", "default"): (
        f"'{{subject}}' is applied without {{argument}}, whose default is {{value}}: {_BY_BATCH}",
        "Write {argument}={right}{keeping}.",
    ),
    ("jax", "layer"): (
        f"'{{subject}}' has {{argument}}={{value}} whatever the network is told: {_BY_BATCH}",
        "Hand the mode on: use_running_average=not train.",
    ),
    ("jax", "mode"): (
        f"'{{subject}}' is in training mode here, since nothing has called eval(): {_BY_BATCH}",
        "Write model.eval() before this, and model.train() where training goes on.",
    ),
    ("jax", "inference_mode"): (
        f"'{{subject}}' is called here without equinox.nn.inference_mode: {_BY_BATCH}",
        "Write inference = eqx.nn.inference_mode(model), and call that here.",
    ),
}

_TRAINING: Words = {
    ("keras", "omitted"): (
        "'{subject}' is called without training=True under the gradient: training normalizes by the statistics, which "
        "nothing updates",
        "Write training=True in this call.",
    ),
    ("keras", "named"): (
        "'{subject}' is called without {argument}=True under the gradient: training normalizes by the statistics, "
        "which nothing updates",
        "Write {argument}=True in this call.",
    ),
    ("keras", "function"): (
        "this function trains '{subject}' without the learning phase among its inputs, which then is 0: training "
        "normalizes by the statistics, and leaves out the updates that would move them",
        "Write keras.backend.learning_phase() behind the inputs, feed 1 there in training, and add {model}.updates to "
        "the updates.",
    ),
    ("keras", "constant"): (
        "'{subject}' is called with training=False under the gradient: training normalizes by the statistics, which "
        "nothing updates",
        "Write training=True in this call.",
    ),
    ("keras", "handed"): (
        "'{subject}' is called with training=False, which line {line} hands on under the gradient: training normalizes "
        "by the statistics, which nothing updates",
        "Pass the mode there: training=True.",
    ),
    ("keras", "layer"): (
        "'{subject}' is called with training=False whatever the model is told: training normalizes by the statistics, "
        "which nothing updates",
        "{write}; a part that is meant to stay as it is takes trainable = False instead.",
    ),
    ("keras", "phase"): (
        "the learning phase is 0 when '{subject}' is trained: training normalizes by the statistics, which nothing "
        "updates",
        "Write training=True in this call.",
    ),
    ("jax", "constant"): (
        "'{subject}' is applied with {argument}={value} under the gradient: training normalizes by the statistics, "
        "which nothing updates",
        "Write {argument}={right}{keeping}.",
    ),
    ("jax", "default"): (
        "'{subject}' is applied without {argument}, whose default is {value}, under the gradient: training normalizes "
        "by the statistics, which nothing updates",
        "Write {argument}={right}{keeping}.",
    ),
    ("jax", "layer"): (
        "'{subject}' has {argument}={value} whatever the network is told: training normalizes by the statistics, which "
        "nothing updates",
        "Hand the mode on: {handed}.",
    ),
    ("jax", "mode"): (
        "'{subject}' is trained in the mode that eval() has left it in: training normalizes by the statistics, which "
        "nothing updates",
        "Write model.train() where the training begins.",
    ),
    ("jax", "inference_mode"): (
        "'{subject}' is trained in inference mode: training normalizes by the statistics, which nothing updates",
        "Train the model itself, and call eqx.nn.inference_mode(model) for evaluation only.",
    ),
}

_SWITCHED: Words = {
    ("keras", "loop"): (
        "the learning phase is set to 0 in the training loop and not back to 1: every later iteration trains in "
        "inference mode",
        "Write keras.backend.set_learning_phase(1) at the beginning of the loop, or pass training= to each call.",
    ),
    ("jax", "eval"): (
        "'{subject}.eval()' is called in the training loop and no train() after it: every later iteration trains in "
        "inference mode",
        "Write {subject}.train() at the beginning of the loop.",
    ),
    ("jax", "inference_mode"): (
        "'{subject}' is replaced by its inference mode in the training loop: every later iteration trains in inference "
        "mode",
        "Give it a name of its own: inference = eqx.nn.inference_mode(model).",
    ),
}

_ONE: Words = {
    framework: (
        "'{subject}' takes batch moments from one value per channel: its output is beta whatever the input is",
        way,
    )
    for framework, way in (
        (("keras", ""), "Train with larger batches, or use keras.layers.LayerNormalization() or GroupNormalization()."),
        (("jax", ""), "Train with larger batches, or use nn.LayerNorm() or nn.GroupNorm()."),
    )
}

_PASSED_ON: Words = {
    ("keras", "fit"): (
        "the model's call() has no parameter for the mode, so that fit() trains '{subject}' in inference mode",
        "Write def call(self, inputs, training=None), and training=training in the calls of layers.",
    ),
    ("keras", "wrapper"): (
        "the function around this call takes '{parameter}' and does not hand it to '{subject}', which is trained in "
        "inference mode",
        "Write training={parameter} in this call.",
    ),
    ("jax", "inner"): (
        "'{subject}' is called without {argument}, whose default is {value}, by code that is told to do otherwise: "
        "the mode does not reach its layers",
        "Write {argument}={parameter} in this call.",
    ),
    ("jax", "field"): (
        "'{subject}' is made without {argument}, whose default is {value}, by a module whose own mode says otherwise: "
        "the mode does not reach its layers",
        "Write {argument}={parameter} where it is made.",
    ),
}

_SEPARATE: Words = {
    ("keras", ""): (
        "'{subject}' is built a second time and gets statistics of its own, which the training never updates",
        "Use the trained model itself, or copy all of it: second.set_weights(first.get_weights()).",
    ),
    ("jax", "init"): (
        "the trained parameters are used with statistics of another init() of '{subject}', which no training has "
        "updated",
        "Use the statistics that training has left, with its parameters.",
    ),
    ("jax", ""): (
        "'{subject}' is made a second time and gets statistics of its own, which the training never updates",
        "Use the trained model itself, or copy all of its state.",
    ),
}

_BOTH: Words = {
    (framework, ""): (
        "both modes of '{subject}' are computed before one is chosen: the statistics are updated in inference too",
        way,
    )
    for framework, way in (
        ("keras", "Hand the mode to the layer, training=training, or call it inside the branches of tf.cond."),
        ("jax", "Hand the mode to the layer, use_running_average=not train."),
    )
}

_UNREGISTERED: Words = {
    ("keras", ""): (
        "the layers in '{subject}' are not tracked ({holder}): save_weights() and trainable_variables lack them",
        "Make the class a subclass of keras.layers.Layer, or put the layers into a list that is an attribute of the "
        "model.",
    ),
    ("jax", ""): (
        "the layers in '{subject}' are no part of the model ({holder}): its state and its modes do not reach them",
        "Make the class a subclass of {base}.",
    ),
}

_EXPORTED: Words = {
    ("keras", ""): (
        "the exported function calls '{subject}' with training=True: it normalizes by the moments of its batch for "
        "ever",
        "Write training=False in the function that is exported.",
    ),
    ("jax", ""): (
        "the exported function runs '{subject}' in training mode: it normalizes by the moments of its batch for ever",
        "Export it in inference mode: {way}.",
    ),
}


@check("SN201", "program")
def inference_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Evaluation or prediction runs layers in training mode."""
    yield from worded(evidence, "SN201", {**_INFERENCE, **tensorflow.INFERENCE, **torch.INFERENCE})


@check("SN202", "program")
def training_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Training runs layers in inference mode."""
    yield from worded(evidence, "SN202", {**_TRAINING, **tensorflow.TRAINING, **torch.TRAINING})


@check("SN203", "program")
def switch_in_source(evidence: Evidence) -> Iterator[Finding]:
    """A switch to inference mode in the training loop is not undone."""
    yield from worded(evidence, "SN203", {**_SWITCHED, **torch.SWITCHED})


@check("SN204", "program")
def one_value_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Batch moments from one value per channel."""
    yield from worded(evidence, "SN204", {**_ONE, **tensorflow.ONE_VALUE, **torch.ONE_VALUE})


@check("SN205", "program")
def passing_in_source(evidence: Evidence) -> Iterator[Finding]:
    """A function takes the mode, or should, and does not hand it on."""
    yield from worded(evidence, "SN205", {**_PASSED_ON, **tensorflow.NOT_PASSED_ON, **torch.PASSED_ON})


@check("SN206", "program")
def separate_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Training and inference have variables of their own."""
    yield from worded(evidence, "SN206", {**_SEPARATE, **tensorflow.SEPARATE})


@check("SN207", "program")
def both_in_source(evidence: Evidence) -> Iterator[Finding]:
    """What a condition should choose is computed outside of it."""
    yield from worded(evidence, "SN207", {**_BOTH, **tensorflow.CHOSEN})


@check("SN208", "program")
def unregistered_in_source(evidence: Evidence) -> Iterator[Finding]:
    """The model does not know of layers that it uses."""
    yield from worded(evidence, "SN208", {**_UNREGISTERED, **torch.UNREGISTERED})


@check("SN209", "program")
def exported_in_source(evidence: Evidence) -> Iterator[Finding]:
    """An export has the training mode in it for ever."""
    yield from worded(evidence, "SN209", {**_EXPORTED, **tensorflow.EXPORTED, **torch.EXPORTED})
