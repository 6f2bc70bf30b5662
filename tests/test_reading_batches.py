"""What the user's data raise while they are read, at which batch, in whatever framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from steadynorm import UnusableInputError
from steadynorm.batches import as_read


class Data:
    """Batches of which one cannot be read; 0 for data that cannot even be begun."""

    def __init__(self, broken: int | None) -> None:
        self.broken = broken

    def __iter__(self) -> Iterator[int]:
        if self.broken == 0:
            raise OSError("no disk")
        return self._batches()

    def _batches(self) -> Iterator[int]:
        for number in range(1, 4):
            if number == self.broken:
                raise OSError("no disk")
            yield number


def begin(data: Any) -> Callable[[], Iterator[Any]]:
    return lambda: iter(data)


def test_batches_come_as_they_are() -> None:
    assert list(as_read(begin(Data(None)), "train_data")) == [1, 2, 3]


@pytest.mark.parametrize(("broken", "said"), [(0, 0), (1, 0), (3, 2)])
def test_an_error_names_the_data_and_the_batch(broken: int, said: int) -> None:
    with pytest.raises(UnusableInputError, match=rf"^train_data raised while batch {said} was read: OSError: no disk$"):
        list(as_read(begin(Data(broken)), "train_data"))


def test_an_error_of_whoever_asks_for_batches_is_not_that_of_the_data() -> None:
    def ask() -> None:
        for _ in as_read(begin(Data(None)), "train_data"):
            raise KeyError

    with pytest.raises(KeyError):
        ask()
