"""Which batches are sampled, and which part of a batch is the input and which the targets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.nests import is_mapping

TARGET_KEYS = ("labels", "label", "targets", "target", "y")


def spread_order(count: int) -> list[int]:
    """The numbers below `count`, so ordered that every beginning of the list is spread over the whole range.

    A scrambled van der Corput sequence (Owen, 1995): halves take turns, and so do the halves of each half, but which
    comes first is drawn at random. Sorted data are sampled evenly, and data with a period (real and fake batches in
    turn) are not sampled from one kind only, as any regular stride would. The order is the same every time, and no
    random state of the user's is used.
    """
    draw = random.Random(0)

    def ordered(start: int, stop: int) -> list[int]:
        if stop - start < 2:
            return list(range(start, stop))
        middle = (start + stop) // 2
        halves = [ordered(start, middle), ordered(middle, stop)]
        draw.shuffle(halves)
        return [index for pair in zip_longest(*halves) for index in pair if index is not None]

    return ordered(0, count)


def as_read(begin: Callable[[], Iterator[Any]], name: str) -> Iterator[Any]:
    """The batches that are read, one by one; what the user's data raise is said with the batch at which they do.

    Arguments:
        begin: begins to read, which may raise as well.
        name: whose data they are.

    Raises:
        UnusableInputError: the data raise.
    """
    index = -1
    try:
        for index, batch in enumerate(begin()):  # noqa: B007
            yield batch
    except Exception as error:
        raise UnusableInputError(
            f"{name} raised while batch {index + 1} was read: {type(error).__name__}: {error}"
        ) from error


def inputs_and_target(batch: Any) -> tuple[Any, Any]:
    """What the model is called with, and the targets (`None` if there are none), by the documented rule."""
    if isinstance(batch, list | tuple) and len(batch) >= 2:
        return batch[0], batch[1] if len(batch) == 2 else batch[1:]
    if isinstance(batch, list | tuple) and len(batch) == 1:
        return batch[0], None
    if is_mapping(batch):
        inputs = {key: value for key, value in batch.items() if key not in TARGET_KEYS}
        return inputs, next((batch[key] for key in TARGET_KEYS if key in batch), None)
    return batch, None
