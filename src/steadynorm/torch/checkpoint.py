"""Writes a model's state dict to a new file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from steadynorm.new_file import check_new, write_new

__all__ = ["check_new", "write"]


def write(model: nn.Module, path: Path) -> None:
    """Writes the model's state dict to a new file.

    Raises:
        UnusableInputError: see `steadynorm.new_file.write_new`.
    """

    def save(place: Path) -> None:
        # Made by open() and not by tempfile, whose files only the owner may read.
        with place.open("xb") as file:
            torch.save(model.state_dict(), file)

    write_new(path, save)
