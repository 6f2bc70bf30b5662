"""Batches: sampling them, moving them, and telling inputs from targets."""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler

from steadynorm.errors import UnusableInputError

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


class _ListedBatches:
    """A batch sampler that yields given lists of indices."""

    def __init__(self, batches: Sequence[list[int]]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def spread(data: Iterable[Any]) -> Iterable[Any]:
    """The same batches in an order in which every beginning is spread over the data, where the data allow it.

    A list or tuple of batches is reordered, and so is a DataLoader that reads a map-style dataset in sequence. Any
    other iterable, shuffling loaders among them, keeps its own order.
    """
    if isinstance(data, list | tuple):
        return [data[index] for index in spread_order(len(data))]
    batches = _sequential_batches(data)
    if batches is not None:
        return _regrouped(data, [batches[index] for index in spread_order(len(batches))])
    if isinstance(data, DataLoader):
        return copy.copy(data)  # a loader with persistent workers keeps them in itself
    return data


def mixed(data: Iterable[Any]) -> Iterable[Any]:
    """Like `spread`, but a DataLoader that reads in sequence also gives mixed batches, as shuffling would mix them.

    A batch of one class, from data in the order of a file, has moments that no batch of training had, and normalizes
    what it feeds to the layers after it by these. The order is the same every time, and no random state is used.
    """
    batches = _sequential_batches(data)
    if batches is None:
        return spread(data)
    count = sum(map(len, batches))
    order = iter(torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist())
    return _regrouped(data, [list(islice(order, len(batch))) for batch in batches])


def _sequential_batches(data: Any) -> list[list[int]] | None:
    """The batches of a DataLoader that reads a map-style dataset in sequence; `None` for anything else."""
    if (
        isinstance(data, DataLoader)
        and type(data).__iter__ is DataLoader.__iter__
        and not isinstance(data.dataset, IterableDataset)
        and type(data.batch_sampler) is BatchSampler
        and type(data.sampler) is SequentialSampler
    ):
        return list(data.batch_sampler)
    return None


def _regrouped(loader: Any, batches: Sequence[list[int]]) -> DataLoader[Any]:
    return DataLoader(
        loader.dataset,
        batch_sampler=_ListedBatches(batches),
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator,
    )


def sample(data: Iterable[Any], count: int | None, name: str) -> list[Any]:
    """Up to `count` batches, spread over the data where the data allow it.

    Raises:
        UnusableInputError: there is no batch, or the data are not batches at all; `name` says whose.
    """
    if count is not None and count < 1:
        raise UnusableInputError(f"batches={count}: expected how many batches to sample, at least 1")
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        raise UnusableInputError(
            f"{name} is a {type(data).__name__}, a data set of single samples; expected batches: "
            "wrap it in torch.utils.data.DataLoader(..., batch_size=64)"
        )
    if isinstance(data, Tensor):
        raise UnusableInputError(
            f"{name} is one tensor of shape {tuple(data.shape)}; expected an iterable of batches, as a list of "
            "(inputs, targets) or a torch.utils.data.DataLoader"
        )
    batches = list(islice(spread(data), count))
    if not batches:
        raise UnusableInputError(f"{name} is empty: expected an iterable that gives at least one batch")
    return batches


def tensors_of(value: Any) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples, dicts, dataclasses and objects that hold their items as a mapping."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_of(item)
    elif _is_mapping(value):
        for _, item in value.items():
            yield from tensors_of(item)
    elif _is_record(value):
        yield from tensors_of(list(vars(value).values()))


def transform(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """The same nest, built anew, with `function` applied to every tensor; everything else in it is copied."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(transform(item, function) for item in value))
    if type(value) in (list, tuple):
        return type(value)(transform(item, function) for item in value)
    if _is_mapping(value):
        items = {key: transform(item, function) for key, item in value.items()}
        return items if type(value) is dict else _filled(copy.copy(value), items)
    if _is_record(value):
        filled = copy.copy(value)
        vars(filled).update((name, transform(item, function)) for name, item in vars(value).items())
        return filled
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) or (hasattr(type(value), "items") and hasattr(type(value), "__getitem__"))


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and hasattr(value, "__dict__")


def _filled(mapping: Any, items: dict[Any, Any]) -> Any:
    for key, item in items.items():
        mapping[key] = item
    return mapping


def fresh(batch: Any, device: torch.device | None = None) -> Any:
    """A copy of the batch with its tensors on `device` (on their own for `None`): a user's function may change it."""

    def copied(tensor: Tensor) -> Tensor:
        return tensor.detach().to(device or tensor.device, copy=True).requires_grad_(tensor.requires_grad)

    return transform(batch, copied)


def to_device(batch: Any, device: torch.device | None) -> Any:
    """The batch with its tensors on `device`; as it is for `None`."""
    return batch if device is None else transform(batch, lambda tensor: tensor.to(device))


def shapes_of(value: Any) -> str:
    """The tensors in a nest in words, as `(64, 1, 8, 8) float32, (64,) int64`."""
    shapes = [f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}" for tensor in tensors_of(value)]
    return ", ".join(shapes) or "no tensors"


def sample_count(batch: Any) -> int:
    """The number of samples: the length of the first tensor's first axis; 1 without tensors."""
    first = next(tensors_of(batch), None)
    return 1 if first is None or first.dim() == 0 else int(first.shape[0])


def split_batch(batch: Any, size: int) -> list[Any]:
    """The batch cut into pieces of `size` samples; whole if its tensors have different lengths."""
    lengths = {int(tensor.shape[0]) if tensor.dim() else -1 for tensor in tensors_of(batch)}
    if len(lengths) != 1 or min(lengths) <= size:
        return [batch]
    count = lengths.pop()
    starts = range(0, count - count % size or count, size)
    return [transform(batch, lambda tensor, at=at: tensor[at : at + size]) for at in starts]  # type: ignore[misc]


def inputs_and_target(batch: Any) -> tuple[Any, Any]:
    """What the model is called with, and the targets (`None` if there are none), by the documented rule."""
    if isinstance(batch, list | tuple) and len(batch) >= 2:
        return batch[0], batch[1] if len(batch) == 2 else batch[1:]
    if isinstance(batch, list | tuple) and len(batch) == 1:
        return batch[0], None
    if _is_mapping(batch):
        inputs = {key: value for key, value in batch.items() if key not in TARGET_KEYS}
        return inputs, next((batch[key] for key in TARGET_KEYS if key in batch), None)
    return batch, None


def call(model: Any, batch: Any) -> Any:
    """Calls the model with the inputs of a batch: a dict as keyword arguments, a tuple as positional ones."""
    inputs, _ = inputs_and_target(batch)
    if isinstance(inputs, dict):
        return model(**inputs)
    if isinstance(inputs, list | tuple):
        return model(*inputs)
    return model(inputs)


def check_finite(batch: Any, name: str, index: int) -> None:
    """Refuses a batch that holds NaN or Inf.

    Raises:
        UnusableInputError: naming the data, the batch and the first sample that is not finite.
    """
    for tensor in tensors_of(batch):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            bad = ~torch.isfinite(tensor)
            where = int(bad.reshape(sample_count(tensor), -1).any(1).nonzero()[0])
            raise UnusableInputError(
                f"{name} holds {int(bad.sum())} values that are NaN or Inf (batch {index}, first in sample {where}): "
                "remove or replace them; statistics cannot be taken from them"
            )
