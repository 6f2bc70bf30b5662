"""Training by ignite: the engine of `create_supervised_trainer` has a step of its own that calls `train()` and trains,
so that no step of it is in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.source.symbolic.trace import Call, Callback
from steadynorm.source.symbolic.values import Product
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.program import Group, TorchProgram
from steadynorm.source.torch.words import ENGINES

_TRAINER = "ignite.engine.create_supervised_trainer"
_EVALUATOR = "ignite.engine.create_supervised_evaluator"


def is_trained_by_engine(program: TorchProgram, group: Group) -> bool:
    """Whether an engine of ignite's trains a model that a step of another engine asks, and nothing switches it between.

    Handlers of events are not followed everywhere: a switch that is written around the engines counts as one.
    """
    calls = list(program.run.calls())
    engine = next((each.call for each in group.first.within if isinstance(each, Callback) and _is_engine(each)), None)
    if engine is None or any(call.name == _EVALUATOR for call in calls):
        return False
    frames = {frame.function.node for call in (group.first, engine) for frame in call.stack}
    if any(call.name == ".eval" or (call.name == ".train" and call.arguments) for call in calls):
        return False
    if any(map(_switches, frames)):
        return False
    return any(_same(program, group.root, key) for key in _trained(program, calls))


def is_asked_between(program: TorchProgram, group: Group) -> bool:
    """Whether the engine that asks a model runs in a handler of the one that trains it, as far as is seen."""
    receivers = [call.receiver for call in program.run.calls() if call.name == ".run"]
    runs = [each.call for each in receivers if isinstance(each, Product)]
    trains = any(call.name == _TRAINER for call in runs)
    return trains and not any(call.name in ENGINES for call in runs) and is_trained_by_engine(program, group)


def _is_engine(block: Callback) -> bool:
    return block.call is not None and block.call.name in ENGINES


def _trained(program: TorchProgram, calls: list[Call]) -> Iterator[Key]:
    for call in calls:
        key = program.models.key(call.argument(0, "model")) if call.name == _TRAINER else None
        if key is not None:
            yield key


def _same(program: TorchProgram, one: Key, other: Key) -> bool:
    return program.models.is_within(one, other) or program.models.is_within(other, one)


def _switches(function: ast.AST) -> bool:
    calls = [each for each in ast.walk(function) if isinstance(each, ast.Call)]
    attributes = [(each.func.attr, each) for each in calls if isinstance(each.func, ast.Attribute)]
    return any(name == "eval" or (name == "train" and (each.args or each.keywords)) for name, each in attributes)
