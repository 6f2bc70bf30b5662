"""Whether a train step trains what feeds a layer: the weights of the layers before it."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Comprehension, Expression, Items, Known, Product, Value, constant_text
from steadynorm.source.tensorflow.filters import passes
from steadynorm.source.tensorflow.norms import Norm
from steadynorm.source.tensorflow.runs import Step
from steadynorm.source.tensorflow.scopes import argument, begins_in, either, scoping
from steadynorm.source.tensorflow.variables import both, leaves, listed
from steadynorm.source.tensorflow.words import LAYERS, REPEATING, VARIABLES, op_name, short
from steadynorm.source.tensorflow.world import World

_WEIGHTS = {"tensorflow.layers.": "kernel:0", "contrib.": "weights:0", "keras.layers.": "kernel:0"}
_DEFAULT_NAMES = {
    "tensorflow.layers.dense": "dense",
    "tensorflow.layers.conv1d": "conv1d",
    "tensorflow.layers.conv2d": "conv2d",
    "tensorflow.layers.conv3d": "conv3d",
    "contrib.fully_connected": "fully_connected",
    "contrib.conv2d": "Conv",
}


def trains_before(world: World, step: Step, norm: Norm) -> bool:
    """Whether a step trains weights that a layer's input is computed with, or may do so.

    They are variables of the program's own, which a list of variables names, or those that layers made.
    """
    own = list(leaves(step.variables))
    source = norm.call.argument(0, "inputs") if norm.input is None else norm.input
    before = list(world.reach.of(source, data=True).calls.values())
    if norm.inner:
        before.append(norm.call)  # the layer that applies it to its own output
    if any(short(call.name) in VARIABLES and call in own for call in before):
        return True
    made = [
        call
        for call in before
        if op_name(call) in REPEATING or (op_name(call) in LAYERS and op_name(call).startswith(tuple(_WEIGHTS)))
    ]
    return any(_holds_weights(step.variables, call) is not False for call in made)


def _holds_weights(variables: Value | None, layer: Call) -> bool | None:
    """Whether a list of variables holds the weights of a layer; `None` if that is not known."""
    if argument(layer, op_name(layer), None, "trainable") == Known(False):
        return False
    if variables is None:
        return True
    if isinstance(variables, Items):
        found: bool | None = False
        for each in variables.items:
            found = either(found, _holds_weights(each, layer))
        return found if variables.whole or found else None
    if isinstance(variables, Expression) and variables.operator == "Add":
        one, other = (_holds_weights(each, layer) for each in variables.operands)
        return either(one, other)
    if isinstance(variables, Comprehension):
        found = False
        for source in variables.sources:
            found = either(found, _holds_weights(source, layer))
        name = _name_of_weights(layer)
        for test in variables.tests:
            found = both(found, None if name is None else passes(test, name))
        return found
    if isinstance(variables, Product):
        return _of_call(variables.call, layer)
    return None


def _of_call(call: Call, layer: Call) -> bool | None:
    if short(call.name) in VARIABLES:
        return False  # one of the program's own
    given = listed(call)
    if given is None:
        return None
    _, scope = given
    if scope is None or scope == Known(None):
        return True
    return begins_in(scope, layer, scoping(layer).text, _name_of_weights(layer))


def _name_of_weights(layer: Call) -> str | None:
    """The name of a layer's weights, as far as it can be told; `None` if it cannot."""
    kind = op_name(layer)
    path = scoping(layer).text
    given = argument(layer, kind, None, "name" if kind.startswith("tensorflow.") else "scope")
    own = _DEFAULT_NAMES.get(kind) if given is None or given == Known(None) else constant_text(given)
    if path is None or own is None:
        return None
    last = next(last for beginning, last in _WEIGHTS.items() if kind.startswith(beginning))
    return "/".join(part for part in (path, own, last) if part)
