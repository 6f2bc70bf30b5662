"""What stands before and behind a normalization layer, up to the nearest layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.place import Place
from steadynorm.source.symbolic.flow import inputs
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Expression, Items, Known, Product, Value
from steadynorm.source.tensorflow.norms import Norm, written
from steadynorm.source.tensorflow.scopes import argument
from steadynorm.source.tensorflow.words import (
    DENSE,
    DIMENSIONS,
    DROPOUTS,
    POOLINGS,
    RECTIFIERS,
    RESHAPES,
    SIGMOIDS,
    SOFTMAX,
    VARIABLES,
    WITH_BIAS_BY_DEFAULT,
    made_by,
    name_of,
    op_name,
    short,
)
from steadynorm.source.tensorflow.world import World

_BIAS_ADDS = ("tensorflow.nn.bias_add", "tensorflow.add", "tensorflow.math.add", "contrib.bias_add")
_LOSSES = ("tensorflow.losses.", "slim.losses.", "tensorflow.contrib.losses.")
_MOST = 30
_LOOKING_ON = ("tensorflow.summary.", "tensorflow.shape", "tensorflow.rank", "builtins.print", "builtins.len")

_TELLING = frozenset(
    {f"tensorflow.{name}" for name in ("argmax", "arg_max", "math.argmax", "nn.top_k", "math.top_k", "nn.in_top_k")}
    | {".run", ".eval"}
)
"""What tells a prediction, of whatever stands behind: the outputs of a network are read by it beside its loss."""


@dataclass(frozen=True, slots=True)
class Link:
    """One operation of a chain.

    Arguments:
        kind: reshape, pooling, rectifier, sigmoid, softmax, dropout, bias, convolution, dense, loss or other.
        place: where it stands.
        call: its call; `None` of an operator.
        consumers: how many operations take its result.
        bias: what is added, of a bias.
    """

    kind: str
    place: Place
    call: Call | None
    consumers: int = 1
    bias: Value | None = None

    @property
    def name(self) -> str:
        """What it is called in the source."""
        return "+" if self.call is None else written(self.call)


def source_of(norm: Norm) -> Value | None:
    """What a layer normalizes; of one within another layer nothing that can be told."""
    return None if norm.inner else norm.input


def before(world: World, norm: Norm) -> Iterator[Link]:
    """The operations that lead into a layer, nearest first, as long as there is one way."""
    value = source_of(norm)
    for _ in range(_MOST):
        if isinstance(value, Expression) and value.operator == "Add" and value.place is not None:
            other = next((each for each in value.operands if not _is_bias(each)), None)
            bias = next((each for each in value.operands if _is_bias(each)), None)
            if other is None or bias is None:
                return
            yield Link("bias", value.place, None, _consumers(world, value), bias)
            value = other
            continue
        if not isinstance(value, Product):
            return
        kind = kind_of(value.call)
        bias = value.call.argument(1, "bias", "y") if kind == "bias" else None
        yield Link(kind, value.call.place, value.call, _consumers(world, value), bias)
        value = value.call.argument(0, "inputs", "value", "x", "tensor", "input", "features", "logits")


def _is_bias(value: Value) -> bool:
    return isinstance(value, Product) and short(value.call.name) in VARIABLES


def _consumers(world: World, value: Value) -> int:
    return sum(not short(call.name).startswith(_LOOKING_ON) for call in world.uses.of(value))


def kind_of(call: Call) -> str:
    """What an operation does, in the words of chains."""
    name = op_name(call)
    if name in _BIAS_ADDS:
        return "bias"
    if name in DIMENSIONS:
        return "convolution"
    if name in DENSE:
        return "dense"
    for kind, names in (
        ("reshape", RESHAPES),
        ("pooling", POOLINGS),
        ("rectifier", RECTIFIERS),
        ("sigmoid", SIGMOIDS),
        ("softmax", SOFTMAX),
        ("dropout", DROPOUTS),
    ):
        if name in names:
            return kind
    if name.startswith(_LOSSES) or "cross_entropy" in name or name in ("tensorflow.squared_difference",):
        return "loss"
    return "keras" if name.startswith("keras.") else "other"


def has_bias(call: Call) -> bool | None:
    """Whether a convolution or linear layer adds a bias to what it gives last; `None` if that is not known."""
    name = op_name(call)
    if name not in WITH_BIAS_BY_DEFAULT:
        return name == "tensorflow.nn.xw_plus_b"
    made = made_by(call) or call
    if name.startswith("contrib."):
        activation = argument(call, name, None, "activation_fn")
        if activation is None or activation != Known(None):
            return False  # a rectifier, which makes the bias useful
        normalizer = argument(call, name, None, "normalizer_fn")
        if normalizer is not None and normalizer != Known(None):
            return False
        bias = argument(call, name, None, "biases_initializer")
        return bias != Known(None)
    activation = made.argument(None, "activation")
    if activation is not None and activation != Known(None):
        return False
    if made.more:
        return None
    bias = made.argument(None, "use_bias")
    if bias is None:
        return True
    return bool(bias.value) if isinstance(bias, Known) else None


def activation_in(norm: Norm) -> str | None:
    """The activation that a layer of slim's or tf.contrib's applies to its own output; `None` without one."""
    if norm.activation is None or norm.activation == Known(None):
        return None
    name = name_of(norm.activation)
    for kind, names in (("sigmoid", SIGMOIDS), ("softmax", SOFTMAX)):
        if name in names:
            return name.rpartition(".")[2] if kind == "sigmoid" else kind
    return "other"


def after(world: World, norm: Norm) -> Iterator[tuple[str, str]]:
    """What computes with a layer's output directly, behind what only reshapes it: kinds and names."""
    own = activation_in(norm)
    if own is not None:
        yield ("sigmoid" if own in ("sigmoid", "tanh") else own), own
        return
    pending: list[Value] = [] if norm.call.result is None else [norm.call.result]
    seen: set[int] = set()
    for value in pending:
        for call in world.uses.of(value):
            if id(call) in seen or call is norm.call:
                continue
            seen.add(id(call))
            if short(call.name) in _TELLING or short(call.name).startswith(_LOOKING_ON):
                continue
            kind = kind_of(call)
            direct = any(each is value for each in inputs(call)) or any(
                isinstance(each, Items) and any(part is value for part in each.items) for each in inputs(call)
            )
            if not direct:
                yield ("loss" if kind == "loss" or _is_difference(call, value) else "other"), call.name
            elif kind == "reshape" and call.result is not None:
                pending.append(call.result)
            else:
                yield kind, op_name(call).rpartition(".")[2]


def _is_difference(call: Call, value: Value) -> bool:
    """Whether a call takes the difference of a value to another, as a loss written out does."""
    if short(call.name) not in ("tensorflow.square", "tensorflow.abs", "tensorflow.pow", "tensorflow.nn.l2_loss"):
        return False
    return any(
        isinstance(each, Expression) and each.operator == "Sub" and any(part is value for part in each.operands)
        for each in inputs(call)
    )
