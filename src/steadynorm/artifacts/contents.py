"""What a reader returns: the tensors of a file, none of them loaded yet, and its graph, if it has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steadynorm.artifacts.source import Extent

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from steadynorm.recorded import Graph


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file.

    Arguments:
        name: as the file has it.
        shape: its shape.
        dtype: NumPy's name of its type, or `bfloat16`, `float8_e4m3fn` and the like.
        load: reads it, and only its bytes; types that NumPy lacks come as float32.
        extent: the bytes that its values are, `None` where they lie in several pieces or are encoded otherwise.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], npt.NDArray[np.generic]]
    extent: Extent | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What one file, or the files that belong together, hold.

    Arguments:
        format: in words, as `safetensors` or `TensorFlow checkpoint`.
        framework: whose names the tensors have: `torch`, `tensorflow`, `keras`, `flax` or `onnx`.
        tensors: by name.
        graph: what its graph says about normalization, `None` without a graph.
        steps: how many optimizer steps the weights have seen, `None` where nothing tells.
        steps_from: the tensor or entry that tells, as `global_step`.
        facts: what else the format says, by name; for readers of the same framework.
    """

    format: str
    framework: str
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    graph: Graph | None = None
    steps: int | None = None
    steps_from: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
