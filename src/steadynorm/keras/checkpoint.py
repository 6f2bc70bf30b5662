"""Writes a model, or its weights, to a new file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steadynorm import new_file
from steadynorm.errors import UnusableInputError

_WEIGHTS, _MODEL = ".weights.h5", ".keras"


def check_new(path: Path) -> None:
    """Refuses a path that cannot become a new file of Keras, before any work is done for it.

    Raises:
        UnusableInputError: see `steadynorm.new_file.check_new`; or Keras does not know the ending.
    """
    if not path.name.endswith((_WEIGHTS, _MODEL)):
        raise UnusableInputError(
            f"'{path}' is no file of Keras: expected a name that ends in {_WEIGHTS} (the weights) or {_MODEL} (the "
            "whole model)"
        )
    new_file.check_new(path)


def write(model: Any, path: Path) -> None:
    """Writes the weights, or the whole model, as the name ends.

    Raises:
        UnusableInputError: see `check_new`; or the model cannot be saved.
    """
    check_new(path)
    save = model.save_weights if path.name.endswith(_WEIGHTS) else model.save
    try:
        new_file.write_new(path, lambda place: save(str(place)))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise UnusableInputError(
            f"'{path}': Keras cannot save the model: {error}. Save its weights alone, to a name that ends in {_WEIGHTS}"
        ) from error
