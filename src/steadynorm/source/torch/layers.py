"""SN501 to SN504, SN507, SN508, SN510 and SN511 in PyTorch: a layer's options and its place in the network."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Assign, Call
from steadynorm.source.symbolic.values import Attribute, Known, Product, Value, constant, constant_number
from steadynorm.source.torch.chains import (
    after,
    before,
    branches_between,
    channels_last,
    construction,
    consumers,
    input_of,
    is_about_shape,
    is_none,
    operation,
)
from steadynorm.source.torch.models import is_norm
from steadynorm.source.torch.padding import padding_before
from steadynorm.source.torch.program import Group, Role, TorchProgram
from steadynorm.source.torch.selection import Filter, filtered, whole_of
from steadynorm.source.torch.sightings import seen
from steadynorm.source.torch.words import CLASSIFYING_LOSSES, FUNCTIONAL, NORMS, REGRESSING_LOSSES, short

_PADDING = {
    "unpacked": "pad_packed_sequence has put zeros behind the shorter sequences",
    "masked": "the mask sets them to zero",
    "collated": "pad_sequence has put them behind the shorter sequences",
}
_PASSED = ("reshape", "activation", "pool", "move")


def look_at_layers(program: TorchProgram) -> Iterator[Sighting]:
    """What the layers of a run are given, and what stands around them."""
    uses = [call for call in program.run.calls() if is_norm(call.callee) or call.name in FUNCTIONAL]
    yield from _biases(program, uses)
    for use in uses:
        yield from _around(program, use)
    yield from _outputs(program)
    for call in program.run.calls():
        yield from _momentum(program, call)
    for event in program.run.assigns():
        yield from _assigned_momentum(event)


def layer_name(program: TorchProgram, use: Call) -> str:
    """What the author calls a layer."""
    callee = use.callee
    named = program.run.named.get(callee) if isinstance(callee, Product) else None
    return named or short(operation(use))


# What stands before


def _biases(program: TorchProgram, uses: list[Call]) -> Iterator[Sighting]:
    """Layers with a bias whose result nobody but a normalization takes."""
    cancelled: dict[Place, tuple[Call, Call]] = {}
    for use in uses:
        step = next((each for each in before(input_of(use)) if each.kind != "reshape"), None)
        if step is None or step.kind != "weighted" or branches_between(use, step.call):
            continue
        if "Linear" in operation(step.call) and NORMS.get(operation(use), 1) > 1:
            # Its bias is another one at each position, of which a channel has many.
            continue
        if not _keeps_channels(use, step.call):
            continue
        if all(_is_alone(program, each.call) for each in before(input_of(use)) if each.call.index >= step.call.index):
            made = _made(step.call)
            if made is not None:
                cancelled.setdefault(made.place, (made, use))
    needed: set[Place] = set()
    for call in program.run.calls() if cancelled else ():
        layer = _made(call)
        if layer is not None and layer.place in cancelled and not _is_cancelled(program, call):
            needed.add(layer.place)
    for place, (made, use) in cancelled.items():
        how = _bias(made)
        if place not in needed and how is not None:
            named = program.run.named.get(made.result) if made.result is not None else None
            yield seen(
                "SN501",
                place,
                named or short(made.name),
                how,
                related=(construction(use),),
                layer=short(made.name),
                norm=layer_name(program, use),
            )


def _keeps_channels(use: Call, layer: Call) -> bool:
    """Whether what is normalized together has one bias: a reshape in between may put several channels into one."""
    between = [each for each in before(input_of(use)) if each.kind == "reshape" and each.call.index > layer.index]
    if not any(short(operation(each.call)) in _RESHAPING for each in between):
        return True
    if not isinstance(use.callee, Product) or not isinstance(layer.callee, Product):
        return False
    normalized = use.callee.call.argument(0, "num_features")
    given = layer.callee.call.argument(1, "out_channels", "out_features")
    count, channels = constant_number(normalized), constant_number(given)
    if count is not None and channels is not None:
        return count >= channels
    return normalized is not None and normalized is given


_RESHAPING = ("view", "reshape", "view_as", "reshape_as", "unflatten", "Unflatten")


def _made(call: Call) -> Call | None:
    """The call that made the layer with weights that a call runs."""
    if isinstance(call.callee, Product) and _has_bias_option(call.callee.call):
        return call.callee.call
    return None


def _has_bias_option(call: Call) -> bool:
    return call.name.startswith("torch.nn.") and ("Conv" in call.name or call.name.endswith("Linear"))


def _is_cancelled(program: TorchProgram, call: Call) -> bool:
    if call.result is None or not _is_alone(program, call):
        return False
    for step in after(program.uses, call.result):
        if step.kind == "norm" or step.call.name in FUNCTIONAL:
            return True
        if step.kind != "reshape":
            return False
    return False


def _is_alone(program: TorchProgram, call: Call) -> bool:
    taken = [each for each in consumers(program.uses, call.result) if not is_about_shape(each)] if call.result else []
    return len(taken) == 1 and id(call.result) not in program.mixed


_BIAS_POSITION = {"Linear": 2, "LazyLinear": 1}


def _bias(made: Call) -> str | None:
    """How a layer comes to its bias: by default or as it is written; `None` if it has none or nobody knows."""
    if made.more:
        return None
    name = short(made.name)
    given = made.argument(_BIAS_POSITION.get(name, 6 if name.startswith("Lazy") else 7), "bias")
    if given is None:
        return "default"
    return "written" if isinstance(given, Known) and given.value is True else None


def _around(program: TorchProgram, use: Call) -> Iterator[Sighting]:
    """What stands right before and behind one use of a layer."""
    place, name = construction(use), layer_name(program, use)
    dropout = _dropout(use)
    if dropout is not None:
        made = construction(dropout[0])
        dropped = layer_name(program, dropout[0])
        yield seen("SN507", place, name, "direct", related=(made,), rate=dropout[1], dropout=dropped)
    if operation(use) in NORMS and channels_last(input_of(use)):
        rank = NORMS[operation(use)] + 1
        before_it = next(before(input_of(use)), None)
        yield seen(
            "SN504",
            place,
            name,
            "channels-last",
            axis=1,
            channels=max(rank, 2),
            data_format="channels last",
            convolution="the layer before" if before_it is None else layer_name(program, before_it.call),
        )
    padding = padding_before(program, use)
    if padding is not None:
        yield seen("SN511", place, name, padding.how, padding.settle, (padding.place,), padding=_PADDING[padding.how])
    following = next((each for each in after(program.uses, use.result) if each.kind != "reshape"), None)
    if following is None or following.kind not in ("sigmoid", "tanh"):
        return
    read = (following.call.place,)
    yield seen("SN502", place, name, following.kind, related=read, activation=following.kind)
    if _lacks_scale(program, use):
        yield seen("SN508", place, name, following.kind, related=read, reader=following.kind)


def _dropout(use: Call) -> tuple[Call, float] | None:
    for step in before(input_of(use)):
        if step.kind == "dropout":
            made = step.call.callee.call if isinstance(step.call.callee, Product) else None
            given = step.call.argument(1, "p") if made is None else made.argument(0, "p")
            off = step.call.argument(2, "training") if made is None else None
            share = 0.5 if given is None else constant_number(given)
            if isinstance(off, Known) and off.value is False:
                return None
            return (step.call, share) if share else None
        if step.kind not in _PASSED:
            return None
    return None


def _lacks_scale(program: TorchProgram, use: Call) -> bool:
    """Whether there is an offset and no trained scale."""
    if use.name in FUNCTIONAL:
        return is_none(use.argument(3, "weight")) and not is_none(use.argument(4, "bias"))
    assert isinstance(use.callee, Product)
    affine = constant(use.callee.call.argument(3, "affine"))
    if affine is False:
        # The offset that is added by hand is what led to what follows.
        return any(call.result is not None for call in consumers(program.uses, use.result)) if use.result else False
    return any(
        isinstance(target, Attribute) and target.name == "weight" and target.of is use.callee
        for target in _fixed(program)
    )


def _fixed(program: TorchProgram) -> Iterator[Value]:
    """The parameters that are written to be fixed."""
    for event in program.run.events:
        if isinstance(event, Assign) and event.name == "requires_grad" and constant(event.value) is False:
            yield event.target
        elif (
            isinstance(event, Call)
            and event.name == ".requires_grad_"
            and event.receiver is not None
            and constant(event.argument(0, "requires_grad")) is False
        ):
            yield event.receiver


# What stands behind


def _outputs(program: TorchProgram) -> Iterator[Sighting]:
    """Networks whose output, as the loss takes it, is normalized."""
    for group in program.groups:
        if group.role is Role.TRAIN and len(group.result) == 1:
            use = _last(group)
            if use is not None and _is_for_a_loss(program, group) and _has_affine(use):
                yield seen("SN503", construction(use), layer_name(program, use), "output")


def _last(group: Group) -> Call | None:
    value: Value | None = group.result[0]
    for step in before(value):
        if step.kind == "norm" or step.call.name in FUNCTIONAL:
            return step.call
        if step.kind != "reshape":
            return None
    return None


def _is_for_a_loss(program: TorchProgram, group: Group) -> bool:
    value: Value | None = group.result[0]
    names = (*CLASSIFYING_LOSSES, *REGRESSING_LOSSES)
    for _ in range(4):
        if value is None:
            return False
        taken = [call for call in program.uses.of(value) if input_of(call) is value]
        if any(short(operation(call)) in names for call in taken):
            return True
        value = taken[0].result if len(taken) == 1 else None
    return False


def _has_affine(use: Call) -> bool:
    if use.name in FUNCTIONAL:
        return not is_none(use.argument(3, "weight")) or not is_none(use.argument(4, "bias"))
    assert isinstance(use.callee, Product)
    return constant(use.callee.call.argument(3, "affine")) is not False


# The moving average


def _momentum(program: TorchProgram, call: Call) -> Iterator[Sighting]:
    """Momentum as other frameworks count it."""
    if call.name in NORMS:
        momentum, epsilon = constant_number(call.argument(2, "momentum")), constant_number(call.argument(1, "eps"))
        subject = (program.run.named.get(call.result) if call.result is not None else None) or short(call.name)
    elif call.name in FUNCTIONAL:
        momentum, epsilon, subject = constant_number(call.argument(6, "momentum")), None, "F.batch_norm"
    else:
        return
    if momentum is not None:
        yield seen("SN510", call.place, subject, "momentum", momentum=momentum)
    if epsilon is not None and call.argument(None, "eps") is None:
        yield seen("SN510", call.place, subject, "epsilon", epsilon=epsilon)


def _assigned_momentum(event: Assign) -> Iterator[Sighting]:
    momentum = constant_number(event.value) if event.name == "momentum" else None
    if momentum is None:
        return
    whole = whole_of(event.target, event.within)
    if is_norm(event.target) or (whole is not None and filtered(event.target, event.within) is Filter.NORMS):
        yield seen("SN510", event.place, "momentum", "assigned", momentum=momentum)
