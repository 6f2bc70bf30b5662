"""Which models or layers a call in a loop over a model's parts is made on: `for m in model.modules(): m.eval()`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Branch, Call, Callback
from steadynorm.source.symbolic.values import (
    Choice,
    Class,
    Expression,
    External,
    Item,
    Items,
    Known,
    Parameter,
    Product,
    Value,
    constant_text,
)
from steadynorm.source.torch.models import Key, Models
from steadynorm.source.torch.words import NORMS

_WALKS = frozenset({".modules", ".children", ".named_modules", ".named_children"})
_NORM_CLASSES = frozenset(
    {*NORMS, "torch.nn._BatchNorm", "torch.nn._NormBase", "torch.nn.modules.batchnorm._BatchNorm"}
)
_NORM_WORDS = ("batchnorm", "bn", "norm")


@dataclass(frozen=True, slots=True)
class Selected:
    """What a call is made on.

    Arguments:
        key: a model or part.
        norms: whether only the normalization layers inside are meant.
        some: whether it is only some of what is inside, it is not known which.
    """

    key: Key
    norms: bool = False
    some: bool = False


def selected(call: Call, models: Models) -> Iterator[Selected]:
    """The models or parts that a method is called on."""
    receiver = _module_of_hook(call, models) or call.receiver
    for each in receiver.options if isinstance(receiver, Choice) else (receiver,):
        if each is not None:
            yield from _of(each, call, models)


def _module_of_hook(call: Call, models: Models) -> Value | None:
    """The module that a callback of Lightning's is given, where the run has only one; `None` for anything else."""
    if isinstance(call.receiver, Parameter) and call.receiver.name in ("pl_module", "module", "model"):
        modules = models.of_lightning()
        return modules[0] if len(modules) == 1 else None
    return None


def _of(value: Value, call: Call, models: Models) -> Iterator[Selected]:
    whole = whole_of(value, call.within)
    if whole is None:
        key = models.key(value)
        if key is not None:
            yield Selected(key)
        return
    key = models.key(whole)
    if key is None:
        return
    chosen = filtered(value, call.within)
    if chosen is Filter.NONE:
        return
    yield Selected(key, chosen is not Filter.ALL, chosen in (Filter.SOME, Filter.NAMED))


def whole_of(value: Value, within: tuple[object, ...]) -> Value | None:
    """The model whose parts a value goes through; `None` if it is no such value."""
    inner = value
    while isinstance(inner, Item) and inner.key is not None and isinstance(inner.of, Item):
        inner = inner.of
    if isinstance(inner, Item) and isinstance(inner.of, Product) and inner.of.call.name in _WALKS:
        return inner.of.call.receiver
    if isinstance(value, Parameter):
        for block in within:
            if isinstance(block, Callback) and block.call is not None and block.call.name == ".apply":
                return block.call.receiver
    return None


class Filter(Enum):
    """Which of a model's parts are meant: `NAMED` are those whose names have a word that is not about normalization."""

    ALL = 0
    NORMS = 1
    SOME = 2
    NAMED = 3
    NONE = 4


def filtered(value: Value, within: tuple[object, ...]) -> Filter:
    """What the conditions around a call let pass of a model's parts."""
    chosen = Filter.ALL
    for block in within:
        if not isinstance(block, Branch) or not _is_about(block.test, value):
            continue
        found = _passes(block.test, block.arm)
        if found is Filter.NONE:
            return Filter.NONE
        if Filter.NAMED in (found, chosen):
            chosen = Filter.NAMED
        elif Filter.NORMS in (found, chosen):
            chosen = Filter.NORMS
        elif found is Filter.SOME:
            chosen = Filter.SOME
    return chosen


def _is_about(test: Value, value: Value) -> bool:
    """Whether a condition asks for the part itself, or its name."""
    outer = value.of if isinstance(value, Item) and isinstance(value.of, Item) else value
    from_call = {id(each) for each in _through(test)}
    return id(value) in from_call or id(outer) in from_call


def _through(*values: Value) -> Iterator[Value]:
    """Values with what is in them, behind the calls that only look at it."""
    for value in inside(*values):
        yield value
        if isinstance(value, Product):
            receiver = () if value.call.receiver is None else (value.call.receiver,)
            yield from _through(*receiver, *value.call.arguments)


def _passes(test: Value, arm: bool) -> Filter:
    if isinstance(test, Expression) and test.operator == "Not":
        return _passes(test.operands[0], not arm)
    if isinstance(test, Expression) and test.operator in ("Or", "And"):
        found = [_passes(each, arm) for each in test.operands]
        if test.operator == "And" and arm and Filter.NONE in found:
            return Filter.NONE
        if test.operator == "And" and arm and Filter.NAMED in found:
            return Filter.NAMED
        return Filter.NORMS if Filter.NORMS in found else (Filter.NONE if set(found) == {Filter.NONE} else Filter.SOME)
    about = asks_for_norms(test)
    if about is None:
        return Filter.SOME
    negated = isinstance(test, Expression) and test.operator in ("NotIn", "Eq") and _finds(test)
    if isinstance(test, Expression) and test.operator == "NotIn":
        negated = True
    if about:
        return Filter.NORMS if arm is not negated else Filter.NONE
    if arm is negated:
        return Filter.SOME
    # A class of other layers leaves the normalization layers out; a name as 'layer1' may have some of them below it.
    return Filter.NONE if _asks_for_a_class(test) else Filter.NAMED


def _finds(test: Expression) -> bool:
    """Whether it compares what `find` gives with -1."""
    return any(isinstance(each, Known) and each.value == -1 for each in test.operands)


def asks_for_norms(test: Value) -> bool | None:
    """Whether a condition asks for normalization layers, or for others; `None` if it asks for something else."""
    values = list(_through(test))
    classes = [each for value in values if isinstance(value, Product) for each in _classes(value)]
    if classes:
        return any(_is_norm_class(each) for each in classes)
    words = [word.lower() for value in values if (word := constant_text(value)) is not None]
    if words:
        return any(word == each or (len(each) > 2 and each in word) for word in words for each in _NORM_WORDS)
    return None


def _asks_for_a_class(test: Value) -> bool:
    return any(_classes(value) for value in _through(test) if isinstance(value, Product))


def _classes(value: Product) -> tuple[Value, ...]:
    if value.call.name not in ("builtins.isinstance", "builtins.issubclass") or len(value.call.arguments) != 2:
        return ()
    kinds = value.call.arguments[1]
    return kinds.items if isinstance(kinds, Items) else (kinds,)


def _is_norm_class(kind: Value) -> bool:
    if isinstance(kind, External):
        return kind.name in _NORM_CLASSES or "BatchNorm" in kind.name
    return isinstance(kind, Class) and any(base in _NORM_CLASSES for base in kind.external_bases())
