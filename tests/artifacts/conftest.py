"""What Keras files are made of, whichever version writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from steadynorm.artifacts.contents import Contents


class KerasParts:
    """Layers as they are described in JSON, and the state of one that normalizes."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        self.state = {name: rng.random(4).astype(np.float32) for name in names}

    def layer(self, kind: str, name: str, *inbound: Any, **config: Any) -> dict[str, Any]:
        return {
            "class_name": kind,
            "name": name,
            "config": {"name": name, "trainable": True, **config},
            "inbound_nodes": list(inbound),
        }

    def norm(self, name: str, *inbound: Any, **config: Any) -> dict[str, Any]:
        options = {"axis": [3], "momentum": 0.95, "epsilon": 0.002, "center": True, "scale": True, "trainable": True}
        return self.layer("BatchNormalization", name, *inbound, **{**options, **config})

    def sequential(self, *layers: dict[str, Any]) -> dict[str, Any]:
        return {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}

    def named_state(self, layer: str) -> dict[str, np.ndarray]:
        """The state as Keras 2 names it."""
        return {f"{layer}/{name}:0": values for name, values in self.state.items()}

    def numbered_state(self, group: str) -> dict[str, np.ndarray]:
        """The state as Keras 3 numbers it."""
        return {f"{group}/vars/{at}": values for at, values in enumerate(self.state.values())}

    def same(self, contents: Contents, layer: str, state: Mapping[str, np.ndarray] | None = None) -> None:
        """The layer of a file has this state, by default the one above."""
        for name, values in (self.state if state is None else state).items():
            assert contents.tensors[f"{layer}/{name}"].load().tobytes() == values.tobytes()


@pytest.fixture(scope="session")
def keras() -> KerasParts:
    return KerasParts()
