"""What a repair needs of TensorFlow: the subject with variables of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from steadynorm.subject import Subject
from steadynorm.tensorflow.graph_copy.values import read_values


@contextmanager
def copied(subject: Subject) -> Iterator[Subject]:
    """The subject with its variables' values beside the session, so that they may be changed."""
    model = subject.model
    values = read_values(model.session) if model.values is None else dict(model.values)
    yield replace(subject, model=replace(model, values=values))
