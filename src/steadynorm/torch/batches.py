"""Batches of tensors: sampling them, moving them, and calling a model with them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler

from steadynorm import nests
from steadynorm.batches import inputs_and_target, spread_order
from steadynorm.errors import UnusableInputError
from steadynorm.nests import leaves


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


def sample(data: Iterable[Any], count: int | None, name: str, *, in_order: bool = False) -> list[Any]:
    """Up to `count` batches, spread over the data where the data allow it.

    Arguments:
        data: an iterable of batches.
        count: how many, `None` for all.
        name: whose data, for the errors.
        in_order: takes the first ones instead, in the order in which a training would get them.

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
    batches = list(islice(data if in_order else spread(data), count))
    if not batches:
        raise UnusableInputError(f"{name} is empty: expected an iterable that gives at least one batch")
    return batches


def tensors_of(value: Any) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples, dicts, dataclasses and objects that hold their items as a mapping."""
    return leaves(value, _is_tensor)


def numbers_of(tensor: Tensor) -> Any:
    """The values of a tensor as an array of NumPy, which knows no bfloat16."""
    detached = tensor.detach().cpu()
    return (detached.float() if detached.dtype is torch.bfloat16 else detached).numpy()


def transform(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """The same nest, built anew, with `function` applied to every tensor; everything else in it is copied."""
    return nests.transform(value, function, _is_tensor)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


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
