"""SN5 in source: a layer's options and its place in the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from steadynorm.checks import source_torch as torch
from steadynorm.checks.few import FEW_SAMPLES, FEW_VALUES
from steadynorm.checks.registry import check, sighted
from steadynorm.checks.source_words import seen
from steadynorm.evidence import Evidence
from steadynorm.finding import Certainty, Finding
from steadynorm.program import Sighting

LARGEST_OF_PYTORCH = 0.1
"""A share of the old value up to which it was meant as PyTorch's momentum, which is the share of the new one."""

SMALLEST_MOMENTUM = 0.5
"""An epsilon from which on it was meant as a momentum."""

SMALLEST_OF_KERAS = 0.9
"""A share of the new value from which on it was meant as TensorFlow's and Keras's momentum."""

SMALLEST_DROPOUT = 0.01
"""A rate from which on dropout is told. It divides the variance by 1 - rate and adds mean² · rate / (1 - rate): with a
lower one that is a tenth only where the mean is larger than three deviations."""

_MEANT = "Whether so fast an average is meant: 'steadynorm diagnose' tells what re-estimated statistics are worth."

_AXIS = {
    "tensorflow": "axis={channels} (slim: data_format='{short}')",
    "keras": "axis={channels}",
    "jax": "axis=-1, the default",
    "torch": "axis 1, where PyTorch has the channels: x.movedim(-1, 1) before, movedim(1, -1) after",
}
_NO_DECAY = {
    "optimizer": {
        "keras": "call optimizer.exclude_from_weight_decay(var_names=['gamma', 'beta']) before it is used",
        "jax": "pass mask=jax.tree_util.tree_map(lambda p: p.ndim > 1, params)",
        "torch": "put parameters with p.ndim < 2 into a group of their own with weight_decay=0",
        "tensorflow": "leave variables with 'gamma' or 'beta' in their names out of it",
    },
    "regularizer": {},
    "sum": {
        "keras": "sum over [v for v in model.trainable_variables if 'kernel' in v.name]",
        "jax": "sum over the leaves with p.ndim > 1",
        "torch": "sum over [p for p in model.parameters() if p.ndim > 1]",
        "tensorflow": "sum over [v for v in tf.trainable_variables() if 'kernel' in v.name or 'weights' in v.name]",
    },
}
_SCALE = {
    "tensorflow": "scale=True",
    "keras": "scale=True",
    "jax": "use_scale=True",
    "torch": "affine=True (weight= a trained parameter, in F.batch_norm)",
}
_MASK = {
    "keras": "With Keras 3 let the mask reach the layer (Embedding(mask_zero=True), Masking), or use "
    "keras.layers.LayerNormalization() here.",
    "jax": "Pass mask= to the layer's call (True where a value counts), or use a LayerNorm here.",
    "torch": "Normalize the valid positions only, x[mask] = bn(x[mask]), or use nn.LayerNorm here.",
    "tensorflow": "Take the moments over the valid positions (tf.boolean_mask), or normalize each position by itself.",
}
_LARGER_BATCHES = {
    "torch": "nn.SyncBatchNorm over replicas, or nn.GroupNorm",
    "keras": "BatchNormalization(synchronized=True) over replicas, or keras.layers.GroupNormalization()",
    "jax": "axis_name= over replicas, or GroupNorm",
    "tensorflow": "batch_normalization(..., renorm=True), or group normalization",
}


def _number(sighting: Sighting, name: str) -> float | None:
    value = sighting.facts.get(name)
    return value if isinstance(value, int | float) else None


@check("SN501", "program")
def bias_in_source(evidence: Evidence) -> Iterator[Finding]:
    """The layer before has a bias, and nobody else reads what it gives."""
    for each in seen(evidence, "SN501"):
        option = "bias=False" if each.framework == "torch" else str(each.facts.get("option", "use_bias=False"))
        yield sighted(
            each,
            f"'{each.subject}' adds a bias right before a normalization layer, whose mean subtraction cancels it",
            "Leave it out; beta does the same job."
            if each.how == "added"
            else f"Build it with {option}; beta does the same job.",
        )


@check("SN502", "program")
def sigmoid_in_source(evidence: Evidence) -> Iterator[Finding]:
    """A sigmoid or tanh reads the normalized output."""
    for each in seen(evidence, "SN502"):
        yield sighted(
            each,
            f"the output of '{each.subject}' goes straight into a {each.facts.get('activation', 'sigmoid')}: with "
            "deviation 1 it stays on the nearly linear part",
            "Normalize before the linear layer instead, use a rectifier, or accept it if it trains well.",
        )


@check("SN503", "program")
def output_in_source(evidence: Evidence) -> Iterator[Finding]:
    """The network's output is the normalized tensor."""
    for each in seen(evidence, "SN503"):
        yield sighted(
            each,
            f"the network's output is normalized ('{each.subject}'): its scale is tied to the batch in training and to "
            "the statistics in inference",
            "Leave the last layer without normalization.",
        )


@check("SN504", "program")
def axis_in_source(evidence: Evidence) -> Iterator[Finding]:
    """The axis that is kept is not that of the channels."""
    for each in seen(evidence, "SN504"):
        facts = {"short": "NCHW" if each.facts.get("data_format") == "channels_first" else "NHWC", **each.facts}
        yield sighted(
            each,
            f"'{each.subject}' keeps axis {each.facts.get('axis')}, but the channels of "
            f"'{each.facts.get('convolution', 'the layer before')}' are axis {each.facts.get('channels')} "
            f"({each.facts.get('data_format')}): moments are taken across channels and per position",
            f"Normalize along the channels: {_AXIS[each.framework].format_map(facts)}.",
        )


@check("SN505", "program")
def small_batch_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Batch moments from fewer than 16 values or 8 samples."""
    for each in seen(evidence, "SN505"):
        samples, values = _number(each, "samples"), _number(each, "values")
        if samples is None or (samples >= FEW_SAMPLES and (values is None or values >= FEW_VALUES)):
            continue
        few = f"{samples:g} sample{'s' if samples > 1 else ''}" if values is None else f"{values:g} values per channel"
        yield sighted(
            each,
            f"the training takes batch moments from {few} per step: they are mostly noise",
            f"Use larger batches, {_LARGER_BATCHES[each.framework]}, which needs no batch; keep the statistics of a "
            "pretrained network frozen.",
        )


@check("SN506", "program")
def decay_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Weight decay takes gamma and beta in."""
    for each in seen(evidence, "SN506"):
        way = _NO_DECAY.get(each.how, {}).get(each.framework, "leave out the regularizer of gamma and beta")
        yield sighted(
            each,
            f"weight decay ('{each.subject}') pulls gamma and beta of the normalization layers towards zero",
            f"Decay the kernels only: {way}.",
        )


@check("SN507", "program")
def dropout_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Dropout stands before the layer, with no weights between."""
    for each in seen(evidence, "SN507"):
        rate = _number(each, "rate")
        if rate is not None and rate < SMALLEST_DROPOUT:
            continue
        name = f"'{each.facts.get('dropout', 'dropout')}'" + ("" if rate is None else f" (rate {rate:g})")
        yield sighted(
            each,
            f"{name} stands right before '{each.subject}': it raises the variance of its input in training, and "
            "inference, without dropout, is normalized by that",
            "Move the dropout behind the last normalization layer.",
        )


@check("SN508", "program")
def scale_in_source(evidence: Evidence) -> Iterator[Finding]:
    """No gamma, and what follows depends on the scale."""
    for each in seen(evidence, "SN508"):
        yield sighted(
            each,
            f"'{each.subject}' has no gamma, and a {each.facts.get('reader', 'layer')} that depends on the scale reads "
            "it: the deviation of its input is 1 for ever",
            f"Pass {_SCALE[each.framework]}; it may be left out only before a rectifier or a linear layer.",
        )


@check("SN510", "program")
def momentum_in_source(evidence: Evidence) -> Iterator[Finding]:
    """A momentum that must have been meant as the other framework's."""
    for each in seen(evidence, "SN510"):
        given = _number(each, "momentum")
        if given is None:
            yield from _in_the_place_of_epsilon(each)
            continue
        kept = 1 - given if each.framework == "torch" else given
        if not 0 < kept <= (1 - SMALLEST_OF_KERAS if each.framework == "torch" else LARGEST_OF_PYTORCH) + 1e-9:
            continue
        if each.facts.get("is_epsilon"):
            yield sighted(
                each,
                f"'{each.subject}' is given its epsilon as momentum: it keeps {kept:.3g} of the old value per update, "
                "so the statistics are those of the last batch",
                "Pass the momentum here, and re-estimate the statistics of models that were trained this way: "
                "'steadynorm repair'.",
            )
            continue
        theirs, ours = ("TensorFlow's and Keras's", "PyTorch's") if each.framework == "torch" else ("PyTorch's", "here")
        # The arithmetic is sure; that nobody meant the number is not: some published networks do.
        yield sighted(
            replace(each, certainty=Certainty.LIKELY, settle=each.settle or _MEANT),
            f"'{each.subject}' keeps {kept:.3g} of the old value per update, so the statistics are those of the last "
            f"batch or two: {given:g} is {theirs} momentum, {ours if ours != 'here' else 'the one here'} is 1 − that",
            f"Use {each.facts.get('option', 'momentum')}={round(1 - given, 10):g}, and re-estimate the statistics of "
            "models that were trained this way: 'steadynorm repair'.",
        )


def _in_the_place_of_epsilon(sighting: Sighting) -> Iterator[Finding]:
    """A momentum that stands where PyTorch's layers have epsilon."""
    epsilon = _number(sighting, "epsilon")
    if epsilon is not None and SMALLEST_MOMENTUM <= epsilon < 1:
        facts = {"subject": sighting.subject, "epsilon": epsilon, "right": round(1 - epsilon, 10)}
        message, remedy = torch.EPSILON
        yield sighted(sighting, message.format_map(facts), remedy.format_map(facts))


@check("SN511", "program")
def padding_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Padded or masked positions enter the moments."""
    for each in seen(evidence, "SN511"):
        yield sighted(
            each,
            f"'{each.subject}' takes its moments over padded positions too ({each.facts.get('padding', 'padding')}): "
            "they depend on how much of a batch is padding",
            _MASK[each.framework],
        )
