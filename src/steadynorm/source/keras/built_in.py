"""SN201 in Keras: networks that a functional model is built with in training mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from steadynorm.finding import Certainty
from steadynorm.program import Sighting
from steadynorm.source.keras.calls import KerasRun, called_model, is_inside, mode_given
from steadynorm.source.keras.freezing import is_for_norms, model_of_layer
from steadynorm.source.layers.choices import stands_in_branch
from steadynorm.source.layers.models import is_ready_made
from steadynorm.source.layers.words import made_by
from steadynorm.source.symbolic.trace import Assign, Call
from steadynorm.source.symbolic.values import Item, Known, Product, Value


def look_at_built_in(keras: KerasRun, predicts: Callable[[Call], bool], settle: str) -> Iterator[Sighting]:
    """Networks in a functional model whose mode is written where it is built, so that its own methods cannot choose.

    Arguments:
        keras: the run.
        predicts: whether it uses the layer that a call made for inference.
        settle: what settles whether the mode that is written counts, which it does not from Keras 3 on.
    """
    for call in () if keras.is_keras_3 else keras.run.calls():
        part = called_model(call)
        if part is None or mode_given(call) != Known(True) or is_inside(call) or not keras.is_symbolic(call):
            continue
        norms, made = keras.norms(part), made_by(call)
        is_layer = made in norms and not is_ready_made(made)
        if not norms or is_layer or stands_in_branch(call) or not any(map(predicts, norms)):
            continue
        # Frozen layers of Keras run in inference mode, whatever they are told.
        if any(_is_trainable(keras, part, set(norms), fit) for fit in keras.fits if set(norms) & _trained(keras, fit)):
            name = keras.name_at(call, part)
            yield Sighting("SN201", "keras", call.place, name, "functional", Certainty.LIKELY, settle)


def _trained(keras: KerasRun, fit: Call) -> set[Call]:
    return set(keras.norms(fit.receiver))


def _is_trainable(keras: KerasRun, part: Value, norms: set[Call], at: Call) -> bool:
    """Whether some layers of a network may be trained when it is fitted."""
    trainable = not (isinstance(part, Product) and part.call.keywords.get("trainable") == Known(False))
    for event in keras.run.assigns():
        if event.name != "trainable" or event.index > at.index or is_for_norms(event) is False:
            continue
        if norms & _thawed(keras, event):
            trainable = True
        elif event.value == Known(False) and norms <= _all_of(keras, event):
            trainable = False
    return trainable


def _thawed(keras: KerasRun, event: Assign) -> set[Call]:
    if event.value == Known(False):
        return set()
    return {*keras.norms(event.target), *keras.norms(model_of_layer(event.target))}


def _all_of(keras: KerasRun, event: Assign) -> set[Call]:
    """The layers that an assignment freezes all of: a slice of a network's layers leaves some of them out."""
    target = event.target
    if isinstance(target, Item) and isinstance(target.of, Item):
        return set()
    return {*keras.norms(target), *keras.norms(model_of_layer(target))}
