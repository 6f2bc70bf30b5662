"""What data and functions are for, by the words that their author chose: training, or evaluation and prediction."""

from __future__ import annotations

import re
from itertools import islice

from steadynorm.source.symbolic.flow import inputs, parts, walk
from steadynorm.source.symbolic.trace import Block, Frame, Run
from steadynorm.source.symbolic.values import Attribute, External, Function, Known, Parameter, Product, Value

TRAINING, EVALUATION = "training", "evaluation"

_TRAIN = re.compile(r"(?:^|[_.\W])(?:train|training|fit|trn)(?:$|[_.\W\d])|(?:^|[a-z_])Train(?:$|[A-Z_\W])", re.ASCII)
_TEST = re.compile(
    r"(?:^|[_.\W])(?:test|testing|tests|val|valid|validate|validation|eval|evaluate|evaluation|predict|prediction"
    r"|predictor|infer|inference|dev|held_?out|holdout|classify|sample_images|serve|serving|score|demo)(?:$|[_.\W\d])"
    r"|(?:^|[a-z_])(?:Test|Valid|Validation|Eval|Predict|Predictor|Infer|Inference)(?:$|[A-Z_\W])",
    re.ASCII,
)
_MOST_VALUES = 4_000


def meant(text: str) -> str | None:
    """What a name or a string says that something is for; `None` if it says nothing, or both."""
    trains, tests = _TRAIN.search(text) is not None, _TEST.search(text) is not None
    if trains is tests:
        return None
    return TRAINING if trains else EVALUATION


def purpose_of(run: Run, *values: Value) -> str | None:
    """What values are for: the first word on the way back to where they come from decides."""
    for value in islice(walk(values, _before), _MOST_VALUES):
        for text in _words(run, value):
            found = meant(text)
            if found is not None:
                return found
    return None


def _before(value: Value) -> tuple[Value, ...]:
    if isinstance(value, Product):
        return (*inputs(value.call), value.call.callee)
    return parts(value)


def _words(run: Run, value: Value) -> tuple[str, ...]:
    if isinstance(value, Known):
        return (value.value,) if isinstance(value.value, str) and len(value.value) < 100 else ()
    named = run.named.get(value)
    words = () if named is None else (named,)
    if isinstance(value, Product):
        return (*words, value.call.name.rpartition(".")[2])
    if isinstance(value, Attribute | Parameter):
        return (*words, value.name)
    if isinstance(value, External | Function):
        return (value.name.rpartition(".")[2],)
    return words


def purpose_of_place(within: tuple[Block, ...]) -> str | None:
    """What the functions are for that something stands in: the nearest whose name says something decides."""
    for block in reversed(within):
        if isinstance(block, Frame):
            found = meant(block.function.name.replace(".", " "))
            if found is not None:
                return found
    return None
