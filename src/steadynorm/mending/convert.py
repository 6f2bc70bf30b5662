"""Converts the normalization layers of a checkpoint to another framework's names, files and conventions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from steadynorm.artifacts import formats
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.layers import layers_of
from steadynorm.artifacts.naming import OBJECT_KEY, Named
from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.evidence import Layer
from steadynorm.mending.conventions import Epsilons, decay_notes
from steadynorm.mending.graph_beside import graph_of
from steadynorm.mending.maps import Renamed, read_map
from steadynorm.mending.naming import CONVENTIONS, LACKING, Target, target_of
from steadynorm.mending.new_files import check_new
from steadynorm.mending.outputs import files_of, write
from steadynorm.mending.raw import Raw, of_tensor, of_values
from steadynorm.report.words import counted, folded

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion and what does not fit.

    Arguments:
        checkpoint: the file that was given.
        format: what it is, in words.
        target: what it was converted to.
        output: what was to be written.
        layers: by layer of the checkpoint, its new name.
        copied: tensors of other layers, which only have another file now.
        left_out: tensors that are not in the new file.
        notes: what the target model has to know, what was assumed, what does not fit; one sentence each.
        files: what was written; empty on a dry run.
    """

    checkpoint: str
    format: str
    target: Target
    output: Path
    layers: Mapping[str, str]
    copied: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """The report, as the command shows it."""
        from steadynorm.report.mending import conversion_text

        return conversion_text(self)


def convert(
    checkpoint: StrPath,
    output: StrPath,
    *,
    to: Target | str | None = None,
    names: Mapping[str, object] | StrPath | None = None,
    epsilon: float | None = None,
    source_epsilon: float | None = None,
    only_normalization: bool = False,
    dry_run: bool = False,
) -> Conversion:
    """Writes the normalization layers of a checkpoint as another framework names and keeps them.

    The tensors of other layers are copied under the names that they have, bit for bit, as far as the format takes
    them: kernels lie differently in each framework, and nothing is guessed about them. The map can name them.

    Arguments:
        checkpoint: of any format that is read.
        output: what to write; must not exist yet. A prefix for a TensorFlow checkpoint.
        to: `tensorflow` (tf.layers, slim), `keras` (an HDF5 file for load_weights(..., by_name=True)), `torch` (a state
            dict) or `safetensors` (with PyTorch's names); by default what the output's ending says.
        names: by layer or tensor of the checkpoint, its new name, or `{"name": ..., "transpose": [3, 2, 0, 1]}`; a
            mapping or a JSON file.
        epsilon: what the target's layers add to the variance. Where it differs from the source's, the variances are
            changed so that variance + epsilon, and with it every output, stays the same.
        source_epsilon: what the checkpoint's layers add to the variance, where the file does not tell.
        only_normalization: whether to leave all other tensors out.
        dry_run: whether to write nothing and only say what would be.

    Returns:
        the new names, and what does not fit.

    Raises:
        UnusableInputError: the checkpoint cannot be read, two tensors would have one name, the target is unknown,
            what its files need is not installed (PyTorch; h5py for Keras; protobuf for TensorFlow), or the output
            exists or cannot be written; nothing is written then.
        NoNormalizationLayersError: the checkpoint has no normalization layer.
    """
    path, new = os.fspath(checkpoint), Path(output)
    target = _target(to, new)
    for value in (epsilon, source_epsilon):
        if value is not None and not 0 <= value < 1:
            raise UnusableInputError(f"epsilon is {value:g}; expected a small number, as 0.001")
    files = files_of(target, new)
    for each in files:
        check_new(each)
    contents = formats.read(path)
    if missing := contents.facts.get("missing"):
        raise UnusableInputError(
            f"{path}: misses its data file {missing[0] if isinstance(missing, tuple) else missing}"
        )
    work = _Work(path, contents, target, read_map(names), Epsilons(epsilon, source_epsilon))
    work.run(only_normalization or target is Target.KERAS)
    if target is Target.KERAS and work.left_out and not only_normalization:
        work.notes.append(
            "a Keras file takes whole layers only: the tensors of other layers were left out, as their layouts differ"
        )
    written: tuple[Path, ...] = ()
    if not dry_run:
        write(target, new, work.tensors)
        written = files
    return Conversion(
        path,
        contents.format,
        target,
        new,
        work.layers,
        tuple(work.copied),
        tuple(work.left_out),
        tuple(work.notes),
        written,
    )


def _target(to: Target | str | None, output: Path) -> Target:
    if to is None:
        found = target_of(output.name)
        if found is None:
            raise UnusableInputError(
                f"{output}: its ending does not say what to convert to; say it with --to: {', '.join(Target)}"
            )
        return found
    if to not in list(Target):
        raise UnusableInputError(f"cannot convert to {to!r}; expected one of {', '.join(Target)}")
    return Target(to)


@dataclass(slots=True)
class _Work:
    path: str
    contents: Contents
    target: Target
    names: Mapping[str, Renamed]
    epsilons: Epsilons
    tensors: list[Raw] = field(default_factory=list)
    layers: dict[str, str] = field(default_factory=dict)
    copied: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self, only_normalization: bool) -> None:
        """Converts all layers, then copies the rest."""
        graph, unread = graph_of(self.contents)
        self.notes += [unread] if unread else []
        found = layers_of(self.contents, graph)
        named = {each.name: found.tensors[each.name] for each in found.layers if each.name in found.tensors}
        if not named:
            raise NoNormalizationLayersError(f"{self.path}: has no normalization layer: nothing to convert")
        self._check_map(named)
        convention = CONVENTIONS[self.target]
        taken: set[str] = set()
        for layer in found.layers:
            group = named[layer.name]
            taken |= {tensor.name for tensor in group.tensors.values()}
            given = self.names.get(layer.name)
            self.layers[layer.name] = given.name if given else self._layer(layer.name)
            for role, tensor in group.tensors.items():
                self._add(layer, self.layers[layer.name], role, tensor)
        framework = self.contents.framework
        self.notes += [
            *self.epsilons.notes(found.layers, self.target, framework),
            *decay_notes(found.layers, self.target),
        ]
        for name, tensor in self.contents.tensors.items():
            if name not in taken:
                self._copy(tensor, only_normalization)
        kernels = [name for name in self.copied if name not in self.names]
        if kernels:
            self.notes.append(
                f"{counted(len(kernels), 'tensor')} of other layers ({folded(kernels)}) copied as they are, under the "
                "names that they have: kernels are laid out differently in each framework, which --map can say"
            )
        self._check_unique()
        mean = convention.roles["mean"]
        if not any(each.name.endswith(mean) for each in self.tensors):
            self.notes.append("no layer has statistics: take them from another checkpoint, or re-estimate them")

    def _layer(self, name: str) -> str:
        plain = CONVENTIONS[self.target].layer(name)
        return plain.replace("/", "_") if self.target is Target.KERAS else plain

    def _check_map(self, layers: Mapping[str, Named]) -> None:
        unknown = [name for name in self.names if name not in layers and name not in self.contents.tensors]
        if unknown:
            raise UnusableInputError(f"{self.path}: has no layer and no tensor '{unknown[0]}', which the map names")

    def _add(self, layer: Layer, name: str, role: str, tensor: Tensor) -> None:
        given = self.names.get(tensor.name)
        convention = CONVENTIONS[self.target]
        if given is None and role not in convention.roles:
            # PyTorch's count of updates has no counterpart; under its own name it survives the way back.
            if self.target is Target.KERAS:
                self.left_out.append(tensor.name)
                return
            role_name = tensor.name.removesuffix(OBJECT_KEY).replace("/", ".").rpartition(".")[2]
        else:
            role_name = convention.roles.get(role, role)
        new = given.name if given else f"{name}{convention.separator}{role_name}"
        values = self.epsilons.adjusted(layer) if role == "variance" else None
        raw = of_tensor(tensor, new) if values is None else of_values(new, tensor.dtype, values)
        if raw is None:
            self.left_out.append(tensor.name)
            return
        shape = (int(np.prod(raw.shape)),) if role != "updates" else raw.shape
        self.tensors.append(Raw(raw.name, raw.dtype, shape, raw.read))

    def _copy(self, tensor: Tensor, only_normalization: bool) -> None:
        given = self.names.get(tensor.name)
        if only_normalization and given is None:
            self.left_out.append(tensor.name)
            return
        raw = of_tensor(tensor, given.name if given else tensor.name, given.transpose if given else None)
        if raw is None or raw.dtype in LACKING.get(self.target, ()):
            self.left_out.append(tensor.name)
            return
        self.tensors.append(raw)
        self.copied.append(tensor.name)

    def _check_unique(self) -> None:
        seen: set[str] = set()
        for each in self.tensors:
            if each.name in seen:
                raise UnusableInputError(
                    f"{self.path}: two tensors would be called '{each.name}'; name them with --map"
                )
            seen.add(each.name)
