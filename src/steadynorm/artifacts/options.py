"""The options of a file's layers, from whatever tells them, and which of them nothing tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from steadynorm.artifacts.contents import Contents
from steadynorm.norm.config import NormConfig
from steadynorm.recorded import GraphLayer

_Kind = TypeVar("_Kind")

UNTOLD = frozenset({"decay", "epsilon"})

_DEFAULTS = {
    "torch": NormConfig.from_torch(),
    "flax": NormConfig(decay=0.99, epsilon=1e-5),
    "onnx": NormConfig(axis=1, decay=0.9, epsilon=1e-5),
}
_OTHERS = NormConfig(decay=0.99, epsilon=1e-3)
"""TensorFlow's and Keras' defaults."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is known about the options of a file's layers.

    Arguments:
        framework: whose defaults hold for the rest.
        configs: configurations by layer.
        assumed: what of these is a default.
        modules: attributes of PyTorch's modules by layer.
    """

    framework: str
    configs: Mapping[str, NormConfig] = field(default_factory=dict)
    assumed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    modules: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def of(self, name: str, known: GraphLayer | None = None) -> tuple[NormConfig, frozenset[str]]:
        """The options of a layer, and the names of those that are defaults because nothing tells them."""
        if name in self.configs:
            return self.configs[name], self.assumed.get(name, frozenset())
        config, untold = _DEFAULTS.get(self.framework, _OTHERS), UNTOLD
        if name in self.modules:
            config, untold = _of_module(config, untold, self.modules[name])
        if known is not None:
            for option, value in (("decay", known.decay), ("epsilon", known.epsilon)):
                config, untold = _with(config, untold, option, value)
        return config, untold


def options_of(contents: Contents) -> Options:
    """What a file tells about its layers' options."""
    configs, assumed, modules = (contents.facts.get(each) for each in ("configs", "assumed", "modules"))
    return Options(
        contents.framework,
        _typed(configs, NormConfig),
        _typed(assumed, frozenset),
        _typed(modules, Mapping),  # type: ignore[type-abstract]
    )


def _of_module(
    config: NormConfig, untold: frozenset[str], module: Mapping[str, object]
) -> tuple[NormConfig, frozenset[str]]:
    config, untold = _with(config, untold, "epsilon", module.get("eps"))
    if "momentum" not in module:
        return config, untold
    momentum = module["momentum"]
    if momentum is None:
        return replace(config, decay=None), untold - {"decay"}
    if isinstance(momentum, int | float):
        return _with(config, untold, "decay", 1 - momentum)
    return config, untold


def _with(config: NormConfig, untold: frozenset[str], option: str, value: object) -> tuple[NormConfig, frozenset[str]]:
    """The configuration with one option, unless no layer could have such a value: then it stays untold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return config, untold
    try:
        changed = {"decay": float(value)} if option == "decay" else {"epsilon": float(value)}
        return replace(config, **changed), untold - {option}  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return config, untold


def _typed(value: object, kind: type[_Kind]) -> Mapping[str, _Kind]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): each for name, each in value.items() if isinstance(each, kind)}
