"""The averages that a layer keeps beside its statistics: those of renormalization, and of other domains."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from steadynorm.artifacts.contents import Contents, Tensor

MOST_DOMAINS = 64
"""Domains of which a file is searched for statistics; more are unknown in practice."""

_RENORM = ("renorm_mean", "renorm_stddev")
_PARENT = re.compile(r"(?P<parent>.*[./]|)(?P<name>[^./]+)", re.DOTALL)


def further_averages(contents: Contents, mean: Tensor) -> Mapping[str, Tensor]:
    """What a layer averages beside its statistics, by name; some of it may have any shape.

    Arguments:
        contents: the file.
        mean: the layer's moving mean.
    """
    match = _PARENT.fullmatch(mean.name)
    if match is None:
        return {}
    parent, found = match["parent"], dict(_noted(contents, match["parent"].rstrip("./")))
    for name in _names(contents, parent):
        tensor = contents.tensors.get(f"{parent}{name}")
        if tensor is not None:
            found[name] = tensor
    return found


def _names(contents: Contents, parent: str) -> Iterator[str]:
    yield from _RENORM
    for index in range(MOST_DOMAINS):
        if f"{parent}running_var_{index}" in contents.tensors:
            yield from (f"{name}_{index}" for name in ("running_mean", "running_var", *_RENORM))


def _noted(contents: Contents, layer: str) -> Iterator[tuple[str, Tensor]]:
    """What PyTorch's state dicts note beside their tensors: a pair per domain, the first of them the layer's own."""
    noted = contents.facts.get("renorm")
    tensors = noted.get(layer, ()) if isinstance(noted, Mapping) else ()
    for index, tensor in enumerate(tensors[: 2 * MOST_DOMAINS]):
        domain = f"_{index // 2}" if index > 1 else ""
        yield f"{_RENORM[index % 2]}{domain}", tensor
