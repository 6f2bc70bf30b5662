"""What a normalization layer's tensors are called, and which options it has, by framework."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Target(StrEnum):
    """What a checkpoint can be converted to."""

    TENSORFLOW = "tensorflow"
    KERAS = "keras"
    TORCH = "torch"
    SAFETENSORS = "safetensors"


@dataclass(frozen=True, slots=True)
class Convention:
    """How a framework names things.

    Arguments:
        roles: the last part of the name, by role; tensors of other roles have no name there.
        separator: between the parts of a name.
        epsilon: the default of its layers.
        decay: likewise, the fraction of the old value that an update keeps.
        averaging: what the layer's option for it is called, with the number that a decay becomes.
    """

    roles: Mapping[str, str]
    separator: str
    epsilon: float
    decay: float
    averaging: str

    def layer(self, name: str) -> str:
        """A layer's name, with this framework's separators."""
        return self.separator.join(part for part in re.split(r"[/.]", name) if part)

    def option(self, decay: float) -> str:
        """The option that gives a decay, as `momentum=0.1`."""
        value = 1 - decay if self.averaging == "momentum=1-decay" else decay
        return f"{self.averaging.partition('=')[0]}={value:.6g}"


_TORCH = Convention(
    {
        "gamma": "weight",
        "beta": "bias",
        "mean": "running_mean",
        "variance": "running_var",
        "updates": "num_batches_tracked",
    },
    ".",
    1e-5,
    0.9,
    "momentum=1-decay",
)
_TENSORFLOW = Convention(
    {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"},
    "/",
    1e-3,
    0.99,
    "momentum",
)

CONVENTIONS = {
    Target.TENSORFLOW: _TENSORFLOW,
    Target.KERAS: _TENSORFLOW,
    Target.TORCH: _TORCH,
    Target.SAFETENSORS: _TORCH,
}
"""By target; safetensors have PyTorch's names."""

LACKING = {Target.SAFETENSORS: frozenset({"complex128"})}
"""Types that a format does not have."""

_ENDINGS = {
    ".safetensors": Target.SAFETENSORS,
    ".pt": Target.TORCH,
    ".pth": Target.TORCH,
    ".bin": Target.TORCH,
    ".h5": Target.KERAS,
    ".hdf5": Target.KERAS,
    ".ckpt": Target.TENSORFLOW,
    ".index": Target.TENSORFLOW,
}


def target_of(name: str) -> Target | None:
    """What a file's ending says, `None` if it says nothing."""
    return next((target for ending, target in _ENDINGS.items() if name.lower().endswith(ending)), None)
