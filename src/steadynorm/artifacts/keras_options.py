"""The options of Keras' batch normalization, from its configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from steadynorm.artifacts.keras_config import Config, Description, Part, unusable
from steadynorm.norm.config import NormConfig

_FUSED_AXES = {4: (1, 3, -1, -3), 5: (1, 4, -1, -4)}


def options(description: Description, ranks: dict[str, int]) -> dict[str, NormConfig]:
    """The options of each normalization layer, by its path.

    Arguments:
        description: the model.
        ranks: the number of axes of each layer's input, where it is known.

    Raises:
        UnusableInputError: some option has no value that a layer could have.
    """
    version: Literal[2, 3] = 3 if description.version == 3 else 2
    return {
        path: _config(description.path, part, version, ranks.get(path))
        for path, part in description.normalizations.items()
    }


def _config(path: str, part: Part, version: Literal[2, 3], rank: int | None) -> NormConfig:
    found = part.config
    given: dict[str, Any] = {
        "axis": _axis(found),
        "center": bool(found.get("center", True)),
        "scale": bool(found.get("scale", True)),
        "trainable": found.get("trainable") is not False,
        "synchronized": bool(found.get("synchronized")) or part.kind == "SyncBatchNormalization",
    }
    given |= {name: found[name] for name in ("momentum", "epsilon") if name in found}
    if found.get("renorm"):
        given |= {"renorm": True, "renorm_clipping": found.get("renorm_clipping") or None}
        given |= {name: found[name] for name in ("renorm_momentum",) if name in found}
    if version == 2:
        # Without its rank nobody can tell whether the layer runs on the fused kernel.
        given |= {"rank": rank, "dtype": _dtype(found), "virtual_batch_size": found.get("virtual_batch_size")}
        given["fused"] = None if rank in _FUSED_AXES and _one(given["axis"]) in _FUSED_AXES[rank] else False
        if found.get("fused") is False:
            given["fused"] = False
    try:
        config = NormConfig.from_keras(version=version, **given)
        return config if version == 2 else replace(config, **_of_steadynorm(found))
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise unusable(path, part, error) from error


def _of_steadynorm(config: Config) -> dict[str, Any]:
    """The options that only the layer of steadynorm.keras has, whose file is one of Keras 3."""
    given: dict[str, Any] = {"debias": "full"} if config.get("debias") else {}
    if config.get("virtual_batch_size") is not None:
        given |= {"virtual_batch_size": config["virtual_batch_size"], "virtual_batch_variance": "pooled"}
    return given


def _axis(config: Config) -> object:
    axis = config.get("axis", -1)
    return axis[0] if isinstance(axis, list) and len(axis) == 1 else axis


def _one(axis: object) -> object:
    return axis if isinstance(axis, int) else None


def _dtype(config: Config) -> str:
    """The compute type, from its name or from a policy."""
    dtype = config.get("dtype")
    if isinstance(dtype, dict):
        policy = dtype.get("config")
        dtype = policy.get("name") if isinstance(policy, dict) else None
    return dtype.removeprefix("mixed_") if isinstance(dtype, str) else "float32"
