"""Parts that a step of a training which is not in the source freezes anew: in the model's own `forward`, or in
`compute_loss` of a subclass of transformers' trainer, which come after the trainer's `train()` of the model."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.source.symbolic.trace import Call, Frame, Run
from steadynorm.source.symbolic.values import Attribute, Instance, Value
from steadynorm.source.torch.models import Key, Models, is_module
from steadynorm.source.torch.selection import selected
from steadynorm.source.torch.trained_by import is_trainer
from steadynorm.source.torch.words import short


def frozen_in_each_step(run: Run, models: Models) -> frozenset[Key]:
    """What is put into inference mode in every step."""
    return frozenset(key for call in run.calls() if call.name == ".eval" for key in _frozen(call, models))


def _frozen(call: Call, models: Models) -> Iterator[Key]:
    for frame in call.stack:
        name, receiver = short(frame.function.name), frame.receiver
        if name == "forward" and receiver is not None and is_module(receiver):
            yield from (each.key for each in selected(call, models))
        elif name == "compute_loss" and isinstance(receiver, Instance) and is_trainer(receiver):
            key = models.key(_part(call.receiver, frame, receiver.attributes.get("model")))
            if key is not None:
                yield key


def _part(value: Value | None, frame: Frame, model: Value | None) -> Value | None:
    """What a value is where the trainer's model is handed to its method; `None` if it is no part of that."""
    if isinstance(value, Attribute):
        whole = _part(value.of, frame, model)
        return whole.attributes.get(value.name) if isinstance(whole, Instance) else None
    return model if value is not None and any(value is each for each in list(frame.arguments.values())[:2]) else None
