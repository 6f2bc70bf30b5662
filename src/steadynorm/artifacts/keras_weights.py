"""From what Keras calls weights in a file to one name per tensor: `<layer>/gamma`, `<layer>/moving_mean` and so on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.hdf5 import Structure
from steadynorm.artifacts.keras_config import Description, Part

_ROLES = {"running_mean": "moving_mean", "running_std": "moving_variance", "running_var": "moving_variance"}
"""Keras 1's names; its running_std is a variance."""

_LEGACY = re.compile(r"(?P<layer>.*)[/_](?P<role>gamma|beta|moving_mean|moving_variance|running_(?:mean|std|var))")
_STEPS = re.compile(r"(?:.*/)?iter(?:ations?)?")
_RENORM = ("moving_stddev", "renorm_mean", "renorm_stddev")
_SETTLED = "settled"
"""Of a debiased layer of steadynorm.keras: 1 − momentumᵗ, by which the averages are freed of their start."""
_STATISTICS = ("moving_mean", "moving_variance")

_MOST_DIGITS = 9
"""Of the number of a weight within its layer."""

# Before Keras 3 a model kept its layers under another name.
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of a file by their names here.

    Arguments:
        tensors: by name.
        steps: the tensor that counts the optimizer's steps, `None` without one.
    """

    tensors: Mapping[str, Tensor]
    steps: Tensor | None = None


def numbered(structure: Structure, description: Description | None) -> Weights:
    """The weights as Keras 3 numbers them: `layers/batch_normalization/vars/0`.

    Arguments:
        structure: the file.
        description: the model, if it is known.
    """
    paths = {part.stored: part.path for part in description.model.walk()} if description else {}
    tensors: dict[str, Tensor] = {}
    steps = None
    for group, own in _by_group(structure).items():
        if group.partition("/")[0] == "optimizer":
            tensors.update((tensor.name, tensor) for tensor in own)
            first = next((tensor for tensor in own if tensor.name == "optimizer/vars/0"), None)
            steps = first if first is not None and not first.shape and "int" in first.dtype else steps
            continue
        stored = group.removesuffix("vars").rstrip("/").replace(_CONTAINERS[1], _CONTAINERS[0])
        path = paths.get(stored) or _named_path(structure, group)
        known = description.normalizations.get(path) if description else None
        roles = _roles_of(known) if known else _roles_by_shape(own, stored, structure.text(group, "name"))
        for at, tensor in enumerate(own):
            role = roles[at] if len(roles) == len(own) and roles[at] else str(at)
            tensors[f"{path}/{role}"] = _renamed(tensor, f"{path}/{role}")
    return Weights(tensors, steps)


def named(structure: Structure, description: Description | None) -> Weights:
    """The weights as Keras up to 2, and files without an end in `.weights.h5`, name them in attributes.

    Arguments:
        structure: the file.
        description: the model, if it is known.
    """
    root = "model_weights" if "model_weights" in structure.groups else ""
    tensors: dict[str, Tensor] = {}
    layers = structure.names(root, "layer_names") or []
    for layer in [*layers, "top_level_model_weights"]:
        group = f"{root}/{layer}".lstrip("/")
        for name in structure.names(group, "weight_names") or []:
            tensor = structure.tensors.get(f"{group}/{name}")
            if tensor is not None:
                new = _named(layer, name, description)
                tensors[new] = _renamed(tensor, new)
    steps = None
    for name in structure.names("optimizer_weights", "weight_names") or []:
        tensor = structure.tensors.get(f"optimizer_weights/{name}")
        if tensor is not None:
            tensors[tensor.name] = tensor
            if steps is None and not tensor.shape and _STEPS.fullmatch(name.partition(":")[0]):
                steps = tensor
    return Weights(tensors, steps)


def _by_group(structure: Structure) -> dict[str, list[Tensor]]:
    found: dict[str, list[tuple[int, Tensor]]] = {}
    for name, tensor in structure.tensors.items():
        group, _, last = name.rpartition("/")
        if group.rpartition("/")[2] == "vars" and last.isascii() and last.isdigit() and len(last) < _MOST_DIGITS:
            found.setdefault(group, []).append((int(last), tensor))
    return {group: [tensor for _, tensor in sorted(own, key=lambda each: each[0])] for group, own in found.items()}


def _named_path(structure: Structure, group: str) -> str:
    """A layer's path where no configuration tells it: its name within a list of layers, else its attribute's."""
    parts = group.split("/")[:-1]
    path = []
    for at, part in enumerate(parts):
        name = structure.text("/".join([*parts[: at + 1], "vars"]), "name")
        before = parts[at - 1] if at else ""
        if part in _CONTAINERS and at + 1 < len(parts):
            continue
        path.append(name if name and (before in _CONTAINERS or part == "layer") else part)
    return "/".join(path)


def _roles_of(part: Part) -> list[str]:
    """What the weights of a layer are, in the order in which Keras 3 numbers them."""
    affine = [name for name, option in (("gamma", "scale"), ("beta", "center")) if part.config.get(option, True)]
    renorm = _RENORM if part.config.get("renorm") else ()
    return [*affine, *_STATISTICS, *renorm, *([_SETTLED] if part.config.get("debias") else [])]


def _roles_by_shape(own: Sequence[Tensor], stored: str, name: str | None) -> list[str]:
    """Likewise, for a layer without a configuration: nothing else has four vectors of one length.

    Three are the statistics and either gamma or beta; which, nothing tells. Two may be another kind of layer, unless
    their name says. One number after them is that of a debiased layer.
    """
    if len(own) > 1 and not own[-1].shape and "int" not in own[-1].dtype:
        roles = _roles_by_shape(own[:-1], stored, name)
        return [*roles, _SETTLED] if roles else []
    if not own or any(len(each.shape) != 1 or each.shape != own[0].shape or "int" in each.dtype for each in own):
        return []
    if len(own) == 4:
        return ["gamma", "beta", *_STATISTICS]
    if "batch_norm" not in f"{stored.rpartition('/')[2]} {name}":
        return []
    return {2: [*_STATISTICS], 3: ["", *_STATISTICS], 7: ["gamma", "beta", *_STATISTICS, *_RENORM]}.get(len(own), [])


def _named(layer: str, name: str, description: Description | None) -> str:
    """The name of a weight that a file calls `name` in the group of a layer."""
    name = name.partition(":")[0]
    match = _LEGACY.fullmatch(name)
    path, last = (
        (match["layer"], _ROLES.get(match["role"], match["role"]))
        if match
        else (name.rpartition("/")[0], name.rpartition("/")[2])
    )
    if path.rpartition("/")[2] == layer:
        path = layer  # a Sequential puts its own name in between
    elif layer != "top_level_model_weights" and not path.startswith(f"{layer}/"):
        path = "/".join(filter(None, (layer, path)))
    if match and description is not None:
        path = _in_model(path, description)
    return "/".join(filter(None, (path, last)))


def _in_model(path: str, description: Description) -> str:
    """The layer of the model that a weight's path means: names of models and wrappers in between may be missing."""
    layers = description.normalizations
    if path in layers:
        return path
    first, last = path.partition("/")[0], path.rpartition("/")[2]
    for fits in (
        [each for each in layers if each.startswith(f"{path}/")],
        [each for each in layers if each.partition("/")[0] == first and each.rpartition("/")[2] == last],
        [each for each in layers if each.rpartition("/")[2] == last],
    ):
        if len(fits) == 1:
            return fits[0]
    return path


def _renamed(tensor: Tensor, name: str) -> Tensor:
    return replace(tensor, name=name)
