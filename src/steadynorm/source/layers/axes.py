"""SN504 for layers that are objects: the axis that a layer keeps against the axis of the channels before it."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.finding import Certainty
from steadynorm.program import Sighting
from steadynorm.source.layers.graph import LayerGraph, Norm, Step
from steadynorm.source.symbolic.flow import calls_behind
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Items, Known, Value, constant_int

_FIRST, _LAST = "channels_first", "channels_last"
_DEFAULT_CHANGED = ("keras.backend.set_image_data_format", "keras.config.set_image_data_format")
_DEFAULT_READ = ("keras.backend.image_data_format", "keras.config.image_data_format")
_COLOURS = (1, 3, 4)
_SETTLE = (
    "what python -c 'import keras; print(keras.config.image_data_format())' prints where it runs: "
    "channels_last is Keras's default, which the code or ~/.keras/keras.json may change"
)


def wrong_axis(graph: LayerGraph, norm: Norm) -> Iterator[Sighting]:
    """The axis that is kept, if it is not that of the channels."""
    step = _spatial(graph, norm)
    if step is None or step.made is None or norm.made.more:
        return
    rank = _rank(step.made)
    position = 0 if norm.framework == "keras" else 1 if norm.made.name.startswith("flax.linen") else None
    axis = _axis(norm.made.argument(position, "axis"))
    if rank is None or axis is None or not -rank <= axis < rank:
        return
    if norm.framework == "keras":
        data_format, certain = _data_format(graph, norm, step.made)
    else:
        # Convolutions of Flax have the channels last, whatever they are told.
        data_format, certain = _LAST, not norm.made.name.startswith("equinox")
        if not certain:
            return
    if data_format is None:
        return
    channels = 1 if data_format == _FIRST else rank - 1
    if axis % rank == channels:
        return
    kind = norm.made.name.rpartition(".")[2]
    facts = {
        "axis": axis,
        "channels": channels,
        "data_format": data_format,
        "convolution": step.made.name.rpartition(".")[2],
    }
    yield Sighting(
        "SN504",
        norm.framework,
        norm.made.place,
        kind,
        certainty=Certainty.PROVEN if certain else Certainty.LIKELY,
        settle=None if certain else _SETTLE,
        facts=facts,
        related=(step.made.place,),
    )


def _axis(value: Value | None) -> int | None:
    if value is None:
        return -1
    if isinstance(value, Items) and len(value.items) == 1:
        value = value.items[0]
    return constant_int(value)


def _spatial(graph: LayerGraph, norm: Norm) -> Step | None:
    """The convolution or pooling right before, activations and dropout left out."""
    for step in graph.before(norm.input):
        if step.kind in ("activation", "dropout"):
            continue
        return step if step.made is not None and step.kind in ("convolution", "pooling") else None
    return None


def _rank(made: Call) -> int | None:
    """How many axes its output has."""
    name = made.name.rpartition(".")[2]
    if name.startswith("Global"):
        return None
    for size in (1, 2, 3):
        if f"{size}D" in name:
            return size + 2
    given = made.argument(1 if made.name.startswith("flax.linen") else 2, "kernel_size")
    return len(given.items) + 2 if isinstance(given, Items) and given.whole else None


def _data_format(graph: LayerGraph, norm: Norm, made: Call) -> tuple[str | None, bool]:
    """The data format of a Keras layer, and whether that is sure."""
    given = made.argument(None, "data_format")
    if given is not None and given != Known(None):
        known = given.value if isinstance(given, Known) else None
        return (known, True) if known in (_FIRST, _LAST) else (None, False)
    changes = [call for call in graph.run.calls() if call.name in _DEFAULT_CHANGED]
    if changes:
        last = changes[-1].argument(0, "data_format")
        known = last.value if isinstance(last, Known) and len(changes) == 1 else None
        return (known, True) if known in (_FIRST, _LAST) else (None, False)
    if any(call.name in _DEFAULT_READ for call in graph.run.calls()):
        return None, False
    shape = _input_shape(graph, norm)
    if len(shape) == 3 and shape[0] in _COLOURS and shape[2] not in _COLOURS:
        # Written for channels first, which is then set outside of the program.
        return None, False
    return _LAST, len(shape) == 3 and shape[2] in _COLOURS


def _input_shape(graph: LayerGraph, norm: Norm) -> tuple[object, ...]:
    """The shape of the images that a model is built for, without the batch; empty if it is not known."""
    made = [step.made for step in graph.before(norm.input)]
    for call in (*(each for each in made if each is not None), *calls_behind(norm.output)):
        given = call.argument(0, "shape") if call.name == "keras.layers.Input" else call.argument(None, "input_shape")
        if isinstance(given, Items) and given.whole:
            return tuple(each.value if isinstance(each, Known) else None for each in given.items)
    return ()
