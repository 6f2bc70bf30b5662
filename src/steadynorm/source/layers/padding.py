"""SN511 for layers that are objects: padded positions that enter the moments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.layers.graph import LayerGraph, Norm
from steadynorm.source.layers.places import subject_of
from steadynorm.source.symbolic.flow import Uses, behind
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Known, Product, Value

_PADDING = (
    "keras.utils.pad_sequences",
    "keras.preprocessing.sequence.pad_sequences",
    "keras.utils.sequence.pad_sequences",
    ".padded_batch",
)
_KEEPING = ("linear", "activation", "convolution", "dropout", "normalization")
_PADDING_MASK = re.compile(r"pad|node_mask|valid_mask|length_mask|seq_mask|sequence_mask", re.IGNORECASE)
_POOLED = (".sum", "jax.numpy.sum")


def padded_data(graph: LayerGraph, data: Value | None, norms: tuple[Call, ...]) -> Iterator[Sighting]:
    """Keras layers over sequences that were padded to one length.

    Arguments:
        graph: the layers of the run.
        data: what the model is trained on.
        norms: the calls that made the model's normalization layers.
    """
    padding = _padding_of(data)
    if padding is None:
        return
    for norm in graph.norms:
        if norm.made in norms and _reaches_data(graph, norm):
            facts = {"padding": padding.name.rpartition(".")[2]}
            subject, related = subject_of(norm.made), (padding.place,)
            yield Sighting("SN511", norm.framework, norm.made.place, subject, "padded", facts=facts, related=related)


def _padding_of(data: Value | None) -> Call | None:
    for value in behind(*(() if data is None else (data,))):
        if isinstance(value, Product) and value.call.name in _PADDING:
            return value.call
    return None


def _reaches_data(graph: LayerGraph, norm: Norm) -> bool:
    """Whether each position of the data is a position of a layer's input, and none of them is masked."""
    for step in graph.before(norm.input):
        if step.kind in _KEEPING:
            continue
        if step.kind == "embedding" and step.made is not None:
            return step.made.keywords.get("mask_zero", Known(False)) == Known(False)
        return step.made is not None and step.made.name == "keras.layers.Input"
    return True


def unused_masks(graph: LayerGraph, uses: Uses) -> Iterator[Sighting]:
    """Layers of JAX's libraries in functions that are given a mask, and do not hand it to them."""
    for norm in graph.norms:
        if norm.framework != "jax" or norm.made.name.startswith("equinox") or "mask" in norm.call.keywords:
            continue
        frames = norm.call.stack
        for name, value in (frames[-1].arguments if frames else {}).items():
            if _is_padding(name, value, uses):
                facts = {"padding": name}
                yield Sighting("SN511", "jax", norm.made.place, subject_of(norm.made), "mask", facts=facts)
                break


def _is_padding(name: str, value: Value, uses: Uses) -> bool:
    """Whether a parameter says which positions count."""
    if isinstance(value, Known) and not uses.of(value):
        return False
    if _PADDING_MASK.search(name):
        return not isinstance(value, Known)
    return name == "mask" and any(call.name in _POOLED and call.receiver is value for call in uses.of(value))
