"""The files that a conversion writes, by target."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.extras import missing_module
from steadynorm.mending.naming import Target
from steadynorm.mending.new_files import new_files
from steadynorm.mending.raw import Raw

_WRITERS = {
    Target.SAFETENSORS: ("mending.safetensors_writer", None),
    Target.TENSORFLOW: ("mending.bundle_writer", "files"),
    Target.KERAS: ("mending.keras_writer", "files"),
    Target.TORCH: ("torch.mending", "torch"),
}
"""The module that writes each kind, and the extra that brings what it needs."""


def files_of(target: Target, output: Path) -> tuple[Path, ...]:
    """The files that `output` becomes; an index comes last."""
    if target is not Target.TENSORFLOW:
        return (output,)
    prefix = str(output).removesuffix(".index")
    return Path(f"{prefix}.data-00000-of-00001"), Path(f"{prefix}.index")


def write(target: Target, output: Path, tensors: Sequence[Raw]) -> None:
    """Writes a new checkpoint.

    Arguments:
        target: of which kind.
        output: where; nothing may be there yet.
        tensors: what is in it.

    Raises:
        UnusableInputError: something is there already or cannot be written, or what its format needs is not installed.
    """
    room, extra = _WRITERS[target]
    try:
        writer: Any = import_module(f"steadynorm.{room}")
    except ModuleNotFoundError as error:
        raise UnusableInputError(missing_module(error, f"{output} ({target})", extra)) from error
    with new_files(list(files_of(target, output))) as beside:
        writer.write(beside, tensors)
