"""What a repair needs of Keras: the subject's model for a while, and everything put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from steadynorm.keras.keeping import kept
from steadynorm.subject import Subject


@contextmanager
def copied(subject: Subject) -> Iterator[Subject]:
    """The subject, without what trains it; its model may be changed inside and is as before at the end.

    Not every Keras model can be copied, so this is the model itself.
    """
    with kept(subject.model, subject.forward, subject.target, subject.loss, subject.metric):
        yield replace(subject, train_step=None, optimizer=None, evaluate=None)
