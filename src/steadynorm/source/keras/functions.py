"""SN101 and SN202 in train steps that `keras.backend.function` runs, which do less than Keras's own loop."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.keras.calls import PHASE, KerasRun, mode_given
from steadynorm.source.keras.variables import TRAINABLE
from steadynorm.source.layers.graph import LayerGraph
from steadynorm.source.symbolic.flow import behind, inside
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Attribute, Expression, Items, Known, Product, Value

_FUNCTION = "keras.backend.function"
_STEP = ".get_updates"
_OF_LAYER = ".get_updates_for"
_UPDATES = ("updates", "state_updates")
_OF_A_VARIABLE = ("keras.backend.update", "keras.backend.update_add", "keras.backend.update_sub")
_ADDING = (".extend", ".append", ".insert")
_LEARNING_PHASE = "keras.backend.learning_phase"


def look_at_functions(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    """Functions that run an optimizer's updates without those of the layers, or in inference mode."""
    for call in keras.run.calls():
        updates = call.argument(2, "updates") if call.name == _FUNCTION else None
        if updates is None:
            continue
        given = _given(keras, updates)
        trained = _trained(keras, given)
        if not trained or not _is_known(keras, given):
            continue
        left_out = _wants_updates(keras, graph, trained, call) - _moved(keras)
        model = next((model for model, own in trained if left_out & set(own)), None)
        by_batch = _is_by_batch(keras, call)
        if model is None or by_batch is None:
            continue
        code, name = "SN101" if by_batch else "SN202", _name(keras, given, model)
        yield Sighting(code, "keras", call.place, name, "function", facts={"model": name})


def _given(keras: KerasRun, updates: Value) -> tuple[Value, ...]:
    """What a list of updates consists of, with what is added to it later."""
    found = list(inside(updates))
    for value in tuple(found):
        if isinstance(value, Product):
            added = (each for each in keras.uses.of(value) if each.name in _ADDING and each.receiver is value)
            found += inside(*(argument for each in added for argument in each.arguments))
    return tuple(found)


def _trained(keras: KerasRun, given: tuple[Value, ...]) -> tuple[tuple[Value, tuple[Call, ...]], ...]:
    """The models whose variables the optimizers among the updates train, with the layers inside each."""
    variables = inside(*(value for step in _steps(given) for value in (*step.arguments, *step.keywords.values())))
    models = (each.of for each in variables if isinstance(each, Attribute) and each.name in TRAINABLE)
    return tuple((model, norms) for model in models if (norms := keras.norms(model)))


def _steps(given: tuple[Value, ...]) -> Iterator[Call]:
    return (value.call for value in given if isinstance(value, Product) and value.call.name == _STEP)


def _name(keras: KerasRun, given: tuple[Value, ...], model: Value) -> str:
    """What a model is called where its variables are handed to an optimizer, if they are written there."""
    for step in _steps(given):
        written = [] if step.node is None else [*step.node.args, *(each.value for each in step.node.keywords)]
        for value, node in zip((*step.arguments, *step.keywords.values()), written, strict=False):
            if isinstance(value, Attribute) and value.of is model and isinstance(node, ast.Attribute):
                return ast.unparse(node.value)
    return keras.name_of(model)


def _is_known(keras: KerasRun, given: tuple[Value, ...]) -> bool:
    """Whether nothing else is among the updates than those of optimizers, of known models and of single variables."""
    # What an attribute is of, and what an optimizer or a layer is, stands in the list as well.
    owners = {id(value.of) for value in given if isinstance(value, Attribute)}
    for value in given:
        if isinstance(value, Product):
            known = value.call.name in (_STEP, _OF_LAYER, *_OF_A_VARIABLE)
        elif isinstance(value, Attribute):
            known = value.name not in _UPDATES or bool(keras.norms(value.of))
        else:
            known = isinstance(value, Items | Expression | Known)
        if not known and id(value) not in owners:
            return False
    return True


def _moved(keras: KerasRun) -> set[Call]:
    """The layers whose own updates are run by something, be it another function."""
    found: set[Call] = set()
    for call in keras.run.calls():
        if call.name == _OF_LAYER:
            found.update(keras.norms(call.receiver))
        for value in inside(*call.arguments, *call.keywords.values()):
            if isinstance(value, Attribute) and value.name in _UPDATES:
                found.update(keras.norms(value.of))
    return found


def _wants_updates(
    keras: KerasRun, graph: LayerGraph, trained: tuple[tuple[Value, tuple[Call, ...]], ...], call: Call
) -> set[Call]:
    """The layers that a function trains whose mode is that of the run, and whose statistics nothing else gives them."""
    found = {norm for _, norms in trained for norm in norms}
    found -= {norm.made for norm in graph.norms if mode_given(norm.call) is not None}
    found -= keras.told_where_built
    found -= {norm for fit in keras.fits for norm in keras.norms(fit.receiver)}
    return {norm for norm in found if not keras.is_frozen((norm,)) and not keras.is_filled((norm,), call.index)}


def _is_by_batch(keras: KerasRun, function: Call) -> bool | None:
    """Whether a function runs the layers in training mode; `None` where that is not known."""
    switches = [call.argument(0, "value") for call in keras.run.calls() if call.name in PHASE]
    if switches:
        return True if all(given in (Known(1), Known(True)) for given in switches) else None
    inputs = function.argument(0, "inputs")
    if inputs is None:
        return None
    if any(isinstance(each, Product) and each.call.name == _LEARNING_PHASE for each in behind(inputs)):
        fed = [_last(call) for call in keras.run.calls() if _runs(call, function)]
        return True if not fed or not all(each in (Known(0), Known(False)) for each in fed) else None
    return False if isinstance(inputs, Items) and inputs.complete else None


def _runs(call: Call, function: Call) -> bool:
    """Whether a function is called, or one that was made at the same place, as for a target network."""
    made = call.callee.call if isinstance(call.callee, Product) else None
    return made is not None and made.name == _FUNCTION and made.place == function.place


def _last(call: Call) -> Value | None:
    """The last value that a function is fed, which stands for the learning phase."""
    given = call.argument(0, "inputs")
    return given.items[-1] if isinstance(given, Items) and given.complete and given.items else None
