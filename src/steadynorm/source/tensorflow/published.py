"""Networks that slim and TensorFlow's models publish: whether a call builds one with normalization, and in which mode.

They lie in a package `nets` of TensorFlow's, of tf_slim's and of a folder that programs take along. ResNet, Inception
and MobileNet V1 normalize under their own arg_scope only. MobileNet V2 and V3 and NASNet always do; the former are in
inference mode unless they stand under a `training_scope()`. `nets_factory.get_network_fn()` opens the scope itself and
is in inference mode unless it is told otherwise. VGG, AlexNet and the like have no normalization.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Product, Unknown, Value, constant
from steadynorm.source.tensorflow.scopes import contexts

_NETS = r"(?:slim\.)?nets\.(?:\w+\.)*"
_RESNETS = r"resnet_v[12]_(?:50|101|152|200)|inception_(?:v[1-4]|resnet_v2)|mobilenet_v1"
_UNDER_A_SCOPE = re.compile(rf"{_NETS}(?:{_RESNETS})")
_MOBILENETS = re.compile(
    rf"{_NETS}mobilenet_v[23]\.(?:mobilenet|mobilenet_base|mobilenet_v[23]_\w+|(?:large|small)\w*|edge_tpu)"
)
_NASNETS = re.compile(rf"{_NETS}build_p?nasnet_\w+")
_FACTORY = re.compile(rf"{_NETS}nets_factory\.get_network_fn")
_OF_FACTORY = re.compile(rf"(?:{_RESNETS})(?:_\d+)?|mobilenet_v[23]\w*|p?nasnet_\w+")
_SCOPES = re.compile(rf"{_NETS}(?:\w+_)?arg_scope")
_TRAINING_SCOPE = re.compile(rf"{_NETS}mobilenet(?:_v[23])?\.training_scope")


@dataclass(frozen=True, slots=True)
class Network:
    """One call of a published network with normalization.

    Arguments:
        name: of the network, as `resnet_v1_50`.
        mode: the argument that says the mode; `None` where nothing says it.
        otherwise: the mode of one that is not told.
        told_by: the call that says the mode or leaves it out, where that is not the network's own.
        altered: whether it may be told where its updates go.
    """

    name: str
    mode: Value | None
    otherwise: bool
    told_by: Call | None = None
    altered: bool = False


def is_of_networks(name: str) -> bool:
    """Whether a canonical name is that of a function that builds networks which may have normalization."""
    return "nets." in name and any(
        each.fullmatch(name) is not None for each in (_UNDER_A_SCOPE, _MOBILENETS, _NASNETS, _FACTORY)
    )


def network_of(call: Call) -> Network | None:
    """The network that a call builds; `None` if it builds none, or one without normalization."""
    if isinstance(call.callee, Product):
        return _of_factory(call.callee.call)
    name = call.name.rpartition(".")[2]
    if _UNDER_A_SCOPE.fullmatch(call.name):
        scope = next(_scopes(call, _SCOPES), None)
        if scope is None:
            return None
        altered = scope.more or bool(scope.arguments) or any("updates" in each for each in scope.keywords)
        return Network(name, _given(call, 3 if name == "mobilenet_v1" else 2), True, None, altered)
    if _NASNETS.fullmatch(call.name):
        return Network(name, _given(call, 2), True)
    return _mobilenet(call, name) if _MOBILENETS.fullmatch(call.name) else None


def _scopes(call: Call, names: re.Pattern[str]) -> Iterator[Call]:
    """The calls that made what the arg_scopes around a call set, by their names, innermost first."""
    for context in contexts(call):
        defaults = context.argument(0) if context.name == "slim.arg_scope" else None
        if isinstance(defaults, Product) and names.fullmatch(defaults.call.name):
            yield defaults.call


def _given(call: Call, position: int | None) -> Value | None:
    mode = call.argument(position, "is_training")
    return Unknown() if mode is None and call.more else mode


def _mobilenet(call: Call, name: str) -> Network:
    own = _given(call, None)
    scope = next(_scopes(call, _TRAINING_SCOPE), None)
    if own is not None or scope is None:
        return Network(name, own, False)
    return Network(name, _given(scope, 0), True, scope)


def _of_factory(made: Call) -> Network | None:
    name = constant(made.argument(0, "name")) if _FACTORY.fullmatch(made.name) else None
    if not isinstance(name, str) or not _OF_FACTORY.fullmatch(name):
        return None
    return Network(name, _given(made, 3), False, made)
