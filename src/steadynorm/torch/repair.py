"""What a repair needs of PyTorch: a copy of the subject's model with the functions that go with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from steadynorm.subject import Subject
from steadynorm.torch.copying import Copier


@contextmanager
def copied(subject: Subject) -> Iterator[Subject]:
    """The subject about a copy of its model (of the module inside a wrapper), with its functions bound to the copy.

    Raises:
        UnusableInputError: the model cannot be copied.
    """
    copier = Copier(subject.model)
    functions = {name: getattr(subject, name) for name in ("forward", "target", "loss", "metric")}
    bound: dict[str, Any] = {
        name: copier.bind(function) for name, function in functions.items() if function is not None
    }
    yield replace(subject, model=copier.model, train_step=None, optimizer=None, evaluate=None, **bound)
