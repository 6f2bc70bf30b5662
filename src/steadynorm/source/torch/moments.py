"""SN106 and SN208 in PyTorch: layers without statistics of their own, and layers that the model does not know."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import held, inside
from steadynorm.source.symbolic.trace import Assign, Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Comprehension,
    Expression,
    Instance,
    Items,
    Product,
    Table,
    Value,
    constant_number,
)
from steadynorm.source.torch.batch_axis import batch_axis, is_over_batch
from steadynorm.source.torch.chains import construction, is_parameter
from steadynorm.source.torch.guarded import is_for_training, is_of_loss, is_of_targets
from steadynorm.source.torch.known import is_used
from steadynorm.source.torch.layers import layer_name
from steadynorm.source.torch.models import is_module, is_norm, keeps_statistics
from steadynorm.source.torch.program import Role, TorchProgram
from steadynorm.source.torch.sightings import seen
from steadynorm.source.torch.words import FUNCTIONAL, RESHAPES, short


def look_at_moments(program: TorchProgram) -> Iterator[Sighting]:
    """Layers that inference has nothing for."""
    for group in program.groups:
        if group.role is not Role.ASK or not is_used(program, group):
            continue
        for use in group.uses:
            if program.tracks(use) or _is_of_weights(use) or is_for_training(use):
                continue
            if is_of_loss(use) or is_of_targets(use) or not is_over_batch(use):
                continue
            how = "functional" if use.name in FUNCTIONAL else "option"
            yield seen("SN106", construction(use), layer_name(program, use), how)
    yield from _by_hand(program)


def _is_of_weights(use: Call) -> bool:
    """Whether weights are normalized."""
    given = use.argument(0, "input")
    for value in inside(*(() if given is None else (given,))):
        if is_parameter(value) or (isinstance(value, Attribute) and value.name in ("weight", "kernel")):
            return True
        if isinstance(value, Product) and value.call.name in RESHAPES:
            if any(is_parameter(each) for each in inside(*_receiver(value.call))):
                return True
            if any(isinstance(each, Attribute) and each.name == "weight" for each in inside(*_receiver(value.call))):
                return True
    return False


def _receiver(call: Call) -> tuple[Value, ...]:
    return () if call.receiver is None else (call.receiver,)


def _by_hand(program: TorchProgram) -> Iterator[Sighting]:
    """Normalization that is written out, by the batch's own mean and variance only, where a model is asked."""
    if not any(call.name == ".eval" for call in program.run.calls()):
        return
    met: set[int] = set()
    for call in program.run.calls():
        for value in inside(*call.arguments, *_receiver(call)):
            if not isinstance(value, Expression) or id(value) in met:
                continue
            met.add(id(value))
            if _is_scaled(value) and _asks(program, call):
                divided = next((each for each in value.operands if _normalizes(each)), None) or _inner(value)
                if isinstance(divided, Expression) and divided.place is not None and _mixes(divided, call):
                    yield seen("SN106", divided.place, "the normalization by hand", "by-hand")


def _inner(value: Expression) -> Value | None:
    for each in value.operands:
        if isinstance(each, Expression):
            found = each if _normalizes(each) else _inner(each)
            if found is not None:
                return found
    return None


def _is_scaled(value: Expression) -> bool:
    """Whether it is a normalization times or plus a trained parameter."""
    if value.operator not in ("Mult", "Add") or _inner(value) is None:
        return False
    return any(is_parameter(each) for each in value.operands)


def _normalizes(value: Value) -> bool:
    """Whether it is (x - mean) / sqrt(variance + epsilon) with the moments of a batch."""
    if not isinstance(value, Expression) or value.operator != "Div":
        return False
    above, below = value.operands
    return (
        isinstance(above, Expression) and above.operator == "Sub" and _is_moment(above.operands[1]) and _is_root(below)
    )


def _mixes(value: Expression, call: Call) -> bool:
    """Whether the mean that a normalization takes away is one over the axis of the samples."""
    mean = value.operands[0].operands[1]  # type: ignore[attr-defined]
    given = mean.call.receiver or mean.call.argument(0, "input")
    axis = 0 if given is None else batch_axis(given, call.stack)
    return any(constant_number(each) == axis for each in _axes(mean.call))


def _is_moment(value: Value) -> bool:
    """Whether it is a mean over the first axis, among others."""
    if not isinstance(value, Product) or short(value.call.name) not in ("mean", "var", "std"):
        return False
    return any(constant_number(each) == 0 for each in _axes(value.call))


def _axes(call: Call) -> tuple[Value, ...]:
    """What a moment is taken over."""
    given = call.argument(0 if call.name.startswith(".") else 1, "dim", "axis")
    return given.items if isinstance(given, Items) else (() if given is None else (given,))


def _is_root(value: Value) -> bool:
    if isinstance(value, Product) and short(value.call.name) in ("sqrt", "rsqrt"):
        return any(_is_moment(each) for each in inside(*value.call.arguments, *_receiver(value.call)))
    if isinstance(value, Expression) and value.operator in ("Pow", "Add"):
        return any(_is_moment(each) for each in inside(value))
    return False


def _asks(program: TorchProgram, call: Call) -> bool:
    """Whether a call belongs to a model in inference mode."""
    outer = next((each for each in call.stack if each.receiver is not None and is_module(each.receiver)), None)
    if outer is None or outer.place is None:
        return False
    key = program.models.key(outer.receiver)
    return key is not None and any(
        isinstance(event, Call)
        and event.name == ".eval"
        and program.models.key(event.receiver) in program.models.ancestors(key)
        for event in program.run.events
    )


def look_at_registration(program: TorchProgram) -> Iterator[Sighting]:
    """Layers in plain lists and tables, which `train()`, `eval()` and the state dict do not reach."""
    last: dict[tuple[int, str], Assign] = {}
    for event in program.run.assigns():
        if isinstance(event.target, Instance) and is_module(event.target):
            last[id(event.target), event.name] = event
    for event in last.values():
        assert isinstance(event.target, Instance)
        value = event.target.attributes.get(event.name, event.value)
        if value is not event.value:
            continue
        kind = "dict" if _is_table(value) else "list"
        layers = [each for each in held(value) if _is_forgotten(program, each, event)]
        if layers:
            subject = f"self.{event.name}"
            yield seen("SN208", event.place, subject, kind, layers=len(layers))


def _is_table(value: Value) -> bool:
    return isinstance(value, Table) or (isinstance(value, Comprehension) and value.key is not None)


def _is_forgotten(program: TorchProgram, layer: Value, event: Assign) -> bool:
    """Whether a layer that the model itself made belongs to nobody."""
    if not isinstance(layer, Instance | Product):
        return False
    key = program.models.key(layer)
    made = layer.created if isinstance(layer, Instance) else layer.call
    if key is None or made is None or any(True for _ in program.models.owners(key)):
        return False
    if not any(frame.receiver is event.target for frame in made.stack):
        return False
    if is_norm(layer):
        assert isinstance(layer, Product)
        return keeps_statistics(layer.call)
    return program.models.bears(key) is True
