"""Which layers of a Keras model a statement `trainable = ...` is about."""

from __future__ import annotations

from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Assign, Branch
from steadynorm.source.symbolic.values import Attribute, Expression, External, Item, Product, Value

_NORM = "BatchNorm"
_LAYERS = "keras.layers."
_ANY_LAYER = "keras.layers.Layer"


def is_for_norms(event: Assign) -> bool | None:
    """Whether a statement is for the normalization layers of a model, by a test of the layer's class.

    Returns:
        `True` for these, `False` for all but these, `None` without such a test.
    """
    for block in event.within:
        if isinstance(block, Branch):
            found = _selects(block.test, block.arm)
            if found is not None:
                return found
    return None


def _selects(test: Value, arm: bool) -> bool | None:
    """Whether what gets into an arm of a condition is normalization; `None` if the condition does not tell."""
    if isinstance(test, Expression):
        if test.operator == "Not":
            return _selects(test.operands[0], not arm)
        if test.operator == ("And" if arm else "Or"):
            answers = (_selects(each, arm) for each in test.operands)
            return next((each for each in answers if each is not None), None)
        return None
    if not isinstance(test, Product) or test.call.name != "builtins.isinstance":
        return None
    kinds = [each.name for each in inside(*test.call.arguments[1:]) if isinstance(each, External)]
    if any(_NORM in each for each in kinds):
        return arm
    others = bool(kinds) and all(each.startswith(_LAYERS) and each != _ANY_LAYER for each in kinds)
    return False if arm and others else None


def model_of_layer(value: Value) -> Value | None:
    """The model whose layers, or some of them, a loop goes through."""
    while isinstance(value, Item):
        value = value.of
        if isinstance(value, Attribute) and value.name == "layers":
            return value.of
    return None
