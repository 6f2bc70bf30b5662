"""Keras' description of a model, read as plain JSON: nothing of it is built, and no object in it is brought to life."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from steadynorm.artifacts.json_text import read_object
from steadynorm.artifacts.places import shortened
from steadynorm.errors import UnusableInputError

Config: TypeAlias = Mapping[str, Any]

MOST_LAYERS = 100_000
MOST_DEPTH = 64

_NORMALIZATIONS = frozenset(
    {"BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization"}
)
_OWN_OPTIONS = frozenset({"momentum", "epsilon", "moving_variance_initializer"})
PER_SAMPLE = 1
"""Keras 1 had a `mode` of normalizing each sample by itself, which is no batch normalization."""


@dataclass(frozen=True, slots=True)
class Part:
    """One layer or model of a description.

    Arguments:
        path: its name, below those of the models and wrappers that it is in.
        kind: its class, without the package that registered it.
        config: its options.
        stored: where Keras 3 keeps its weights, as `layers/functional/layers/dense`.
        inner: the parts of a model or wrapper.
        inbound: what it is called on, one item per call.
    """

    path: str
    kind: str
    config: Config
    stored: str
    inner: tuple[Part, ...] = ()
    inbound: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the model that it is in."""
        return self.path.rpartition("/")[2]

    @property
    def is_normalization(self) -> bool:
        """Whether it is batch normalization, or derived from it."""
        if self.config.get("mode") == PER_SAMPLE:
            return False
        return self.kind in _NORMALIZATIONS or self.config.keys() >= _OWN_OPTIONS

    @property
    def is_model(self) -> bool:
        """Whether its configuration lists layers."""
        return "layers" in self.config

    def walk(self) -> Iterator[Part]:
        """Itself and everything in it, in order."""
        yield self
        for part in self.inner:
            yield from part.walk()


@dataclass(slots=True)
class Description:
    """A whole model.

    Arguments:
        path: the file, for errors.
        version: 1, 2 or 3, of Keras.
        model: the outermost model.
    """

    path: str
    version: Literal[1, 2, 3]
    model: Part
    normalizations: dict[str, Part] = field(init=False)

    def __post_init__(self) -> None:
        self.normalizations = {part.path: part for part in self.model.walk() if part.is_normalization}


def describe(path: str, text: str | bytes, version: Literal[1, 2, 3]) -> Description:
    """The layers of a model's configuration.

    Arguments:
        path: the file that it is from, for errors.
        text: the configuration, JSON.
        version: of Keras.

    Raises:
        UnusableInputError: it is no configuration, or nests absurdly.
    """
    found = read_object(path, text, "the model's configuration")
    return Description(path, version, _Reading(path).part(found, "", "", "", 0))


def major(version: str | None) -> Literal[1, 2, 3]:
    """The first number of a version, as `3.5.0` or `2.2.4-tf`; without one it is Keras 1, which wrote none."""
    first = (version or "1").partition(".")[0]
    return 3 if first not in ("1", "2") else 2 if first == "2" else 1


class _Reading:
    def __init__(self, path: str) -> None:
        self._path = path
        self._count = 0

    def part(self, found: Any, prefix: str, stored: str, key: str, depth: int) -> Part:
        """A layer or model, and what is in it."""
        self._count += 1
        if depth > MOST_DEPTH or self._count > MOST_LAYERS:
            raise UnusableInputError(
                f"{self._path}: the model's configuration nests deeper than {MOST_DEPTH} or has more than "
                f"{MOST_LAYERS} layers"
            )
        kind = _text(found.get("class_name")).rpartition(">")[2] if isinstance(found, dict) else ""
        if not kind:
            raise UnusableInputError(f"{self._path}: the model's configuration names no class for {prefix or 'it'!r}")
        config = found.get("config")
        if isinstance(config, list):  # a Sequential of Keras 1 and 2.0
            config = {"layers": config}
        if not isinstance(config, dict):
            config = {}
        name = _text(found.get("name")) or _text(config.get("name")) or key
        path = "/".join(filter(None, (prefix, name))) if depth else ""
        return Part(path, kind, config, stored, self._inner(config, path, stored, depth), _calls(found))

    def _inner(self, config: Config, path: str, stored: str, depth: int) -> tuple[Part, ...]:
        parts = []
        layers, used = config.get("layers"), dict[str, int]()
        for at, each in enumerate(layers if isinstance(layers, list) else ()):
            key = _unique(_snake(_text(each.get("class_name")) if isinstance(each, dict) else ""), used)
            parts.append(self.part(each, path, f"{stored}/layers/{key}".lstrip("/"), str(at), depth + 1))
        for key, each in config.items():
            if key != "layers" and _is_layer(each):
                parts.append(self.part(each, path, f"{stored}/{key}".lstrip("/"), key, depth + 1))
        return tuple(parts)


def _is_layer(found: Any) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("class_name"), str):
        return False
    config = found.get("config")
    # Initializers and policies are objects with a class, too; only layers and a named model know whether they train.
    return isinstance(config, dict) and ("layers" in config or {"name", "trainable"} <= config.keys())


def _calls(found: Config) -> tuple[Any, ...]:
    inbound = found.get("inbound_nodes")
    return tuple(inbound) if isinstance(inbound, list) else ()


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _snake(kind: str) -> str:
    """What Keras 3 calls a class within a list of layers: `batch_normalization`."""
    kind = re.sub(r"\W+", "", kind.rpartition(">")[2])
    kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()


def _unique(name: str, used: dict[str, int]) -> str:
    used[name] = used.get(name, -1) + 1
    return f"{name}_{used[name]}" if used[name] else name


def unusable(path: str, part: Part, reason: object) -> UnusableInputError:
    """The error for a layer whose options make no sense."""
    return UnusableInputError(f"{path}: the layer {shortened(part.path)} has impossible options: {reason}")
