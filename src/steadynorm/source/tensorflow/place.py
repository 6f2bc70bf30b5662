"""SN5 in TensorFlow 1: a layer's options, and what stands before and behind it."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import inputs, inside
from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import (
    Comprehension,
    Item,
    Items,
    Known,
    Product,
    Value,
    constant_int,
    constant_number,
    constant_text,
)
from steadynorm.source.tensorflow.chain import Link, activation_in, after, before, has_bias
from steadynorm.source.tensorflow.norms import Kind, Norm, Updates
from steadynorm.source.tensorflow.origins import options_place
from steadynorm.source.tensorflow.scopes import argument
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.variables import filtered, held, leaves
from steadynorm.source.tensorflow.widths import keeps_bias
from steadynorm.source.tensorflow.words import DIMENSIONS, made_by, op_name, short
from steadynorm.source.tensorflow.world import World

_DECOUPLED = (
    "AdamWOptimizer",
    "MomentumWOptimizer",
    "DecoupledWeightDecayExtension",
    "extend_with_decoupled_weight_decay",
)
_REGULARIZING = ("contrib.apply_regularization", "slim.apply_regularization")
_LARGEST_MOMENTUM = 0.5


def bias_before(world: World) -> Iterator[Sighting]:
    """Biases that the layer behind cancels."""
    for norm in trained(world):
        if norm.moments is None and norm.kind is Kind.HAND:
            continue
        reshapes: list[Link] = []
        for link in before(world, norm):
            if link.consumers > 1:
                break
            if link.kind == "bias" or (link.call is not None and has_bias(link.call)):
                if not keeps_bias(link, reshapes):
                    break
                yield seen(
                    "SN501",
                    link.place,
                    link.name,
                    "added" if link.kind == "bias" else "layer",
                    related=(norm.place,),
                    option="biases_initializer=None" if _is_contrib(link) else "use_bias=False",
                )
                break
            if link.kind != "reshape":
                break
            reshapes.append(link)


def _is_contrib(link: Link) -> bool:
    return link.call is not None and op_name(link.call).startswith("contrib.")


def trained(world: World) -> Iterator[Norm]:
    """The layers that are trained here, or built for somebody who may train them, but for those of others' networks."""
    for norm in world.norms:
        if norm.several:
            continue
        if not world.sessions or any(norm.call in step.data for step in world.steps):
            yield norm


def behind(world: World) -> Iterator[Sighting]:
    """Layers in front of a sigmoid, at the output, or without a gamma that would be needed."""
    for norm in trained(world):
        if norm.kind is Kind.HAND and norm.moments is None:
            continue
        found = list(after(world, norm))
        kinds = {kind for kind, _ in found}
        reader = None
        for kind, name in found:
            if kind == "sigmoid":
                yield seen("SN502", norm.place, norm.subject, "activation", activation=name)
                reader = name
            elif kind == "softmax":
                reader = reader or "softmax"
        if found and kinds <= {"loss", "softmax"} and "loss" in kinds | _losses_of(world, norm):
            yield seen("SN503", norm.place, norm.subject, "output")
            reader = reader or "loss"
        if reader is not None and norm.scale == Known(False):
            yield seen("SN508", norm.place, norm.subject, "scale", reader=reader)


def _losses_of(world: World, norm: Norm) -> set[str]:
    return {"loss"} if activation_in(norm) is None and any(norm.call in step.data for step in world.steps) else set()


def wrong_axis(world: World) -> Iterator[Sighting]:
    """Layers that keep another axis than that of the channels of the convolution before."""
    for norm in world.norms:
        own = _kept(norm)
        if own is None:
            continue
        for link in before(world, norm):
            if link.kind == "convolution" and link.call is not None:
                first = _channels_first(link.call)
                rank = DIMENSIONS[op_name(link.call)] + 2
                channels = 1 if first else rank - 1
                kept = own + rank if own < 0 else own
                if first is not None and kept != channels:
                    yield seen(
                        "SN504",
                        norm.place,
                        norm.subject,
                        "axis",
                        related=(link.place,),
                        axis=own,
                        channels=channels,
                        data_format="channels_first" if first else "channels_last",
                        convolution=link.name,
                    )
                break
            if link.kind not in ("rectifier", "bias", "dropout", "pooling"):
                break


def _kept(norm: Norm) -> int | None:
    """The axis that a layer keeps, as it says."""
    if norm.inner or norm.kind not in (Kind.LAYERS, Kind.KERAS, Kind.CONTRIB):
        return None
    if norm.kind is Kind.CONTRIB:
        given = argument(norm.call, "contrib.batch_norm", 16, "data_format")
        if given is None:
            return -1
        return (1 if str(given.value).startswith("NC") else -1) if isinstance(given, Known) else None
    options = norm.layer or norm.call
    axis = options.argument(1 if norm.layer is None else 0, "axis")
    if axis is None:
        return None if options.more else -1
    if isinstance(axis, Items) and len(axis.items) == 1:
        axis = axis.items[0]
    return constant_int(axis)


def _channels_first(call: Call) -> bool | None:
    name = op_name(call)
    made = made_by(call) or call
    given = (
        argument(call, name, None, "data_format") if name.startswith("contrib.") else made.argument(None, "data_format")
    )
    if given is None:
        return None if made.more else False
    if given == Known(None):
        return False
    order = constant_text(given)
    return None if order is None else order == "channels_first" or order.startswith("NC")


def dropout_before(world: World) -> Iterator[Sighting]:
    """Dropout with no weights between it and the layer."""
    for norm in trained(world):
        if norm.kind is Kind.HAND and norm.updates is Updates.NONE:
            continue
        for link in before(world, norm):
            if link.kind == "dropout" and link.call is not None:
                rate = _rate(link.call)
                if rate != 0 and _drops(link.call):
                    yield seen(
                        "SN507",
                        norm.place,
                        norm.subject,
                        "dropout",
                        related=(link.place,),
                        dropout=link.name,
                        rate=rate,
                    )
                break
            if link.kind not in ("reshape", "pooling", "rectifier"):
                break


def _drops(call: Call) -> bool:
    """Whether dropout is ever on: that of tf.layers is off unless it is told to train, that of slim unless not to."""
    name = op_name(call)
    if name.startswith("contrib."):
        return argument(call, name, 3, "is_training") != Known(False)
    if not name.startswith("tensorflow.layers."):
        return True
    given = call.argument(4 if made_by(call) is None else 1, "training")
    return call.more if given is None else given != Known(False)


def _rate(call: Call) -> float | None:
    name = op_name(call)
    keep = name in ("tensorflow.nn.dropout", "contrib.dropout")
    made = made_by(call) or call
    rate = made.argument(None, "rate") if keep else made.argument(1 if made is call else 0, "rate")
    dropped = constant_number(rate)
    if dropped is not None:
        return dropped
    kept = constant_number(call.argument(1, "keep_prob")) if keep else None
    return None if kept is None else round(1 - kept, 6)


def swapped_momentum(world: World) -> Iterator[Sighting]:
    """Decays that are the other framework's momentum; the check says which."""
    for norm in world.norms:
        momentum = norm.momentum
        if norm.decay is not None and momentum is not None and 0 < momentum < _LARGEST_MOMENTUM:
            yield seen(
                "SN510",
                options_place(norm, norm.decay) if norm.inner else norm.place,
                norm.subject,
                "momentum",
                momentum=momentum,
                option="decay" if norm.kind is Kind.CONTRIB else "momentum",
            )


def decayed(world: World) -> Iterator[Sighting]:
    """Weight decay over lists of variables that hold gamma and beta."""
    for call in world.run.calls():
        name = short(call.name)
        if name == "tensorflow.nn.l2_loss":
            given = call.argument(0, "t")
            if given is not None and _takes_parameters(world, call, given):
                yield seen("SN506", call.place, name.replace("tensorflow", "tf"), "sum")
        elif name in _REGULARIZING:
            given = call.argument(1, "weights_list")
            if given is not None and any(held(given, norm).parameters for norm in world.norms):
                yield seen("SN506", call.place, "apply_regularization", "sum")
        elif name in (".minimize", ".apply_gradients"):
            yield from _decoupled(world, call)
    for norm in world.norms:
        options = norm.layer or norm.call
        own = [options.argument(None, each) for each in ("gamma_regularizer", "beta_regularizer")]
        if norm.kind in (Kind.LAYERS, Kind.KERAS) and any(each is not None and each != Known(None) for each in own):
            yield seen("SN506", norm.place, norm.subject, "regularizer")


def _takes_parameters(world: World, call: Call, given: Value) -> bool:
    if not isinstance(given, Item) or given.key is not None or any(isinstance(block, Branch) for block in call.within):
        return False
    if not list(leaves(given.of)):
        return False
    tests: tuple[Value, ...] = ()
    for user in world.uses.of(call.result) if call.result is not None else ():
        for value in inside(*inputs(user)):
            if isinstance(value, Comprehension) and any(each is call.result for each in inside(value.element)):
                tests = value.tests
                for source in value.sources:
                    tests += source.tests if isinstance(source, Comprehension) else ()
    return any(filtered(given.of, tests, norm).parameters for norm in world.norms)


def _decoupled(world: World, call: Call) -> Iterator[Sighting]:
    made = call.receiver.call if isinstance(call.receiver, Product) else None
    if made is None:
        return
    own = made.callee.call.name if isinstance(made.callee, Product) else made.name
    if not own.endswith(_DECOUPLED) or call.argument(None, "decay_var_list") is not None or call.more:
        return
    decay = made.argument(0, "weight_decay")
    if isinstance(decay, Known) and not decay.value:
        return
    step = next((each for each in world.steps if each.call is call), None)
    if step is not None and any(norm.call in step.data and not norm.frozen for norm in world.norms):
        yield seen("SN506", call.place, own.rpartition(".")[2], "optimizer")
