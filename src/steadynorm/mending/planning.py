"""From new values to a mended checkpoint: what is shown, and what is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from steadynorm.artifacts import formats
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.layers import Found, layers_of
from steadynorm.artifacts.naming import Named
from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.evidence import Array, Layer
from steadynorm.mending.encoding import decoded, encoded
from steadynorm.mending.graph_beside import graph_of
from steadynorm.mending.layout import Layout, layout_of
from steadynorm.mending.patch import edits_of, write_patched
from steadynorm.mending.records import Measured, Mended, NewStatistics

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that is to be mended.

    Arguments:
        path: the file that was given.
        contents: what it holds.
        found: its normalization layers.
        layout: where its files go.
        output: what is to be written.
        notes: what could not be read of the files beside it.
    """

    path: str
    contents: Contents
    found: Found
    layout: Layout
    output: Path
    notes: tuple[str, ...] = ()

    def named(self, layer: str) -> Named:
        """The tensors of a layer; KeyError if there is none of that name."""
        return self.found.tensors[layer]

    def layers(self) -> dict[str, Layer]:
        """The layers by name."""
        return {each.name: each for each in self.found.layers}


@dataclass(slots=True)
class Plan:
    """What is to be written.

    Arguments:
        opened: the checkpoint.
        values: by name of a tensor, its new values.
        layers: what the layers' statistics become.
        notes: see `Mended`.
    """

    opened: Opened
    values: dict[str, Array] = field(default_factory=dict)
    layers: list[NewStatistics] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def replace(
        self,
        layer: str,
        tensors: tuple[str, str],
        mean: Array,
        variance: Array,
        *,
        epsilon: float,
        taken_from: str | None = None,
    ) -> None:
        """Gives a layer new statistics.

        Arguments:
            layer: its name.
            tensors: the names of the tensors that hold its mean and variance.
            mean: the new one.
            variance: the new one.
            epsilon: what the layer adds to the variance.
            taken_from: see `NewStatistics`.

        Raises:
            UnusableInputError: the type in the file cannot hold them, or the shapes differ.
        """
        stored = [self.opened.contents.tensors[name] for name in tensors]
        for name, tensor, values in zip(tensors, stored, (mean, variance), strict=True):
            if int(np.prod(tensor.shape)) != values.size:
                raise UnusableInputError(f"{name} has the shape {list(tensor.shape)}; expected {values.size} channels")
        rounded = [
            decoded(encoded(values, tensor.dtype, tensor.name), tensor.dtype, tensor.name)
            for tensor, values in zip(stored, (mean, variance), strict=True)
        ]
        old = [np.asarray(tensor.load(), np.float64).reshape(-1) for tensor in stored]
        self.values |= dict(zip(tensors, rounded, strict=True))
        self.layers.append(
            NewStatistics(
                layer,
                rounded[0],
                rounded[1],
                old[0],
                old[1],
                epsilon,
                stored[1].dtype,
                rounding_error((mean, variance), (rounded[0], rounded[1]), epsilon),
                taken_from,
            )
        )

    def mended(self, files: Iterable[Path] = (), measured: Measured | None = None) -> Mended:
        """The result."""
        return Mended(
            self.opened.path,
            self.opened.contents.format,
            self.opened.output,
            tuple(self.layers),
            (*self.opened.notes, *self.notes),
            tuple(files),
            measured,
        )

    def patch(self, dry_run: bool, measured: Measured | None = None) -> Mended:
        """Writes a copy of the checkpoint in which only the planned values differ.

        Raises:
            UnusableInputError: a value cannot be overwritten, or a file cannot be written.
        """
        edits = edits_of(self.opened.contents, self.values)
        if dry_run:
            return self.mended(measured=measured)
        write_patched(self.opened.layout, edits)
        return self.mended(self.opened.layout.written, measured)


def opened(checkpoint: StrPath, output: StrPath, *, with_layers: bool = True) -> Opened:
    """Reads a checkpoint, and sees to it that the output can be written.

    Arguments:
        checkpoint: what is to be mended.
        output: where to.
        with_layers: whether one without normalization layers is refused.

    Raises:
        UnusableInputError: one of the two is not possible.
        NoNormalizationLayersError: the checkpoint has no normalization layer.
    """
    path, new = os.fspath(checkpoint), Path(output)
    contents = formats.read(path)
    layout = layout_of(contents, path, new)
    layout.check()
    graph, unread = graph_of(contents)
    found = layers_of(contents, graph)
    if with_layers and not found.layers:
        raise NoNormalizationLayersError(f"{path}: has no normalization layer: nothing to mend")
    return Opened(path, contents, found, layout, new, () if unread is None else (unread,))


def rounding_error(exact: tuple[Array, Array], rounded: tuple[Array, Array], epsilon: float) -> float:
    """See `NewStatistics.rounding`."""
    (mean, variance), (near_mean, near_variance) = exact, rounded
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = [
            np.abs(near_mean - mean) / np.sqrt(variance + epsilon),
            np.abs(np.log((near_variance + epsilon) / (variance + epsilon))),
        ]
    return float(max((np.nanmax(each) for each in errors if each.size), default=0.0))


def epsilon_of(layer: Layer | None) -> float:
    """What a layer adds to the variance; PyTorch's default where nothing is known about it."""
    return 1e-5 if layer is None else layer.config.epsilon
