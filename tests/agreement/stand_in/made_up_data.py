"""Data that the programs read from modules which nobody has: it answers whatever it is asked."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

SIZE = 10
ROWS = 4
SAMPLES = 1000
NOT_A_TENSOR = ("graph", "op")  # what TensorFlow asks a value for, to see whether it is one


class MadeUp:
    """A value of which nothing is known: every attribute, call, item and sum of it is another one."""

    def __init__(self) -> None:
        self.__dict__["tensors"] = {}

    def __getattr__(self, name: str) -> MadeUp:
        if name.startswith("_") or name in NOT_A_TENSOR:
            raise AttributeError(name)
        return MadeUp()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return MadeUp()

    def __getitem__(self, key: Any) -> MadeUp:
        return MadeUp()

    def __iter__(self) -> Iterator[MadeUp]:
        return iter([MadeUp() for _ in range(_wanted(sys._getframe(1)))])

    def __next__(self) -> MadeUp:
        return MadeUp()

    def __enter__(self) -> MadeUp:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __len__(self) -> int:
        return SAMPLES

    def __index__(self) -> int:
        return SIZE

    def __float__(self) -> float:
        return float(SIZE)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.zeros((ROWS, SIZE), dtype or np.float32)

    def __lt__(self, other: Any) -> bool:
        return True

    def _itself(self, *others: Any) -> MadeUp:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        return None

    __int__ = __index__
    __gt__ = __le__ = __ge__ = __lt__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _itself
    __floordiv__ = __mod__ = __pow__ = __neg__ = __matmul__ = _itself

    def tensor(self, shape: Any, dtype: Any = tf.float32) -> Any:
        """What an input pipeline hands over: the next element of an iterator."""
        graph = tf.compat.v1.get_default_graph()
        if graph not in self.tensors:
            size = [each or ROWS for each in shape]
            source = tf.data.Dataset.from_tensors(tf.zeros(size, dtype)).repeat()
            result = tf.compat.v1.data.make_initializable_iterator(source).get_next()
            self.tensors[graph] = result
        return self.tensors[graph]


def _wanted(frame: Any) -> int:
    """How many values the statement unpacks, two where it is a loop."""
    at = frame.f_code.co_code
    operation, argument = dis.opname[at[frame.f_lasti]], at[frame.f_lasti + 1]
    return int(argument) if operation == "UNPACK_SEQUENCE" else 2


def _converted(value: MadeUp, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
    return value.tensor([ROWS], dtype or tf.float32)


tf.register_tensor_conversion_function(MadeUp, _converted)
