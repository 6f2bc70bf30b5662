"""Folders of torch.distributed.checkpoint: recognised, so that nobody takes them for something damaged; not read."""

from __future__ import annotations

from typing import NoReturn

from steadynorm.errors import NoModelError


def read_folder(path: str) -> NoReturn:
    """Says that the format is not read, and what to do.

    Raises:
        NoModelError: always.
    """
    raise NoModelError(
        f"{path}: is a checkpoint of torch.distributed.checkpoint (.distcp), which is not read; convert it first: "
        "python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER model.pt",
        "checkpoint of torch.distributed.checkpoint, which is not read",
    )
