"""Batches of arrays of any kind: sampling them, looking at them, and calling a Keras model with them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import count as numbers
from itertools import islice
from typing import Any

import keras
import numpy as np

from steadynorm import nests
from steadynorm.batches import as_read, inputs_and_target, spread_order
from steadynorm.errors import UnusableInputError
from steadynorm.keras.backends import backend


def is_array(value: Any) -> bool:
    """Whether a value is an array of NumPy, a tensor of the backend, or one of PyTorch out of a DataLoader."""
    return isinstance(value, np.ndarray | np.generic) or keras.ops.is_tensor(value) or _is_torch(value)


def numbers_of(value: Any) -> Any:
    """The values of an array of any kind as NumPy's."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    if _is_torch(value):
        value = value.detach().cpu()
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    return backend().array(value)


def arrays_of(value: Any) -> Iterator[Any]:
    """All arrays in a nest."""
    return nests.leaves(value, is_array)


def fresh(batch: Any) -> Any:
    """A copy of the batch: a user's function may change it."""
    return nests.transform(batch, _copied, is_array)


def read(data: Iterable[Any], name: str, *, in_order: bool = False) -> Iterator[Any]:
    """The batches of the data, spread over them where they allow it, or the first ones in their own order.

    A list or tuple, and whatever says its length and gives a batch for a number (keras.utils.PyDataset), is read in an
    order in which every beginning is spread over the data. Any other iterable keeps its own order.

    Raises:
        UnusableInputError: the data raise while they are read; `name` says whose.
    """
    yield from as_read(lambda: _in_order(data) if in_order else _ordered(data), name)


def sample(data: Iterable[Any], count: int | None, name: str, *, in_order: bool = False) -> list[Any]:
    """Up to `count` batches, spread over the data where the data allow it, or the first ones in their own order.

    Raises:
        UnusableInputError: there is no batch, the data are not batches at all, or they hold NaN; `name` says whose.
    """
    if count is not None and count < 1:
        raise UnusableInputError(f"batches={count}: expected how many batches to sample, at least 1")
    if is_array(data):
        raise UnusableInputError(
            f"{name} is one array of shape {tuple(numbers_of(data).shape)}; expected an iterable of batches, as a "
            "list of (inputs, targets), a keras.utils.PyDataset or a batched tf.data.Dataset"
        )
    batches = [fresh(batch) for batch in islice(read(data, name, in_order=in_order), count)]
    if not batches:
        raise UnusableInputError(f"{name} is empty: expected an iterable that gives at least one batch")
    for index, batch in enumerate(batches):
        check_finite(batch, name, index)
    if not any(map(sample_count, batches)):
        raise UnusableInputError(f"{name} holds no samples: all of its {len(batches)} batches are empty")
    return batches


def sample_count(batch: Any) -> int:
    """The number of samples: the length of the first array's first axis; 1 without arrays."""
    first = next(arrays_of(batch), None)
    return 1 if first is None or len(first.shape) == 0 else int(first.shape[0])


def split_batch(batch: Any, size: int) -> list[Any]:
    """The batch cut into pieces of `size` samples; whole if its arrays have different lengths."""
    lengths = {int(each.shape[0]) if len(each.shape) else -1 for each in arrays_of(batch)}
    if len(lengths) != 1 or min(lengths) <= size:
        return [batch]
    count = lengths.pop()
    starts = range(0, count - count % size or count, size)
    return [nests.transform(batch, lambda each, at=at: each[at : at + size], is_array) for at in starts]  # type: ignore[misc]


def shapes_of(value: Any) -> str:
    """The arrays in a nest in words, as `(64, 8, 8, 1) float32, (64,) int64`."""
    shapes = [f"{tuple(each.shape)} {keras.backend.standardize_dtype(each.dtype)}" for each in arrays_of(value)]
    return ", ".join(shapes) or "no arrays"


def inputs_and_targets(batch: Any) -> tuple[Any, Any]:
    """What the model is called with, and the targets: as `Model.fit` has it, a third part is the sample weights."""
    if isinstance(batch, list | tuple) and len(batch) == 3:
        return batch[0], batch[1]
    return inputs_and_target(batch)


def call(model: Any, batch: Any) -> Any:
    """Calls the model in inference mode with the inputs of a batch, as `Model.predict` does: one argument."""
    inputs, _ = inputs_and_targets(batch)
    return model(inputs, training=False)


def check_finite(batch: Any, name: str, index: int) -> None:
    """Refuses a batch that holds NaN or Inf.

    Raises:
        UnusableInputError: naming the data, the batch and the first sample that is not finite.
    """
    for each in arrays_of(batch):
        values = numbers_of(each)
        if not np.issubdtype(values.dtype, np.floating) or np.isfinite(values).all():
            continue
        bad = ~np.isfinite(values)
        where = int(np.argmax(bad.reshape(len(bad), -1).any(1))) if bad.ndim else 0
        raise UnusableInputError(
            f"{name} holds {int(bad.sum())} values that are NaN or Inf (batch {index}, first in sample {where}): "
            "remove or replace them; statistics cannot be taken from them"
        )


def _ordered(data: Any) -> Iterator[Any]:
    if isinstance(data, list | tuple):
        return (data[index] for index in spread_order(len(data)))
    if isinstance(data, keras.utils.PyDataset):
        length = data.num_batches
        return (data[index] for index in (numbers() if length is None else spread_order(int(length))))
    if _is_loader(data):
        # The loader knows how to be read in another order in the room of its own framework.
        from steadynorm.torch.batches import spread

        return iter(spread(data))
    return iter(data)


def _in_order(data: Any) -> Iterator[Any]:
    if not isinstance(data, keras.utils.PyDataset):
        return iter(data)
    length = data.num_batches
    return (data[index] for index in (numbers() if length is None else range(int(length))))


def _is_loader(data: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(data, torch.utils.data.DataLoader)


def _is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _copied(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    return value.detach().clone() if _is_torch(value) else value
