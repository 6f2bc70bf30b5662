"""Where the data of PyTorch programs come from: loaders, data sets, batches, and how often a loop goes round."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.source.defaults import Defaults, Number, length_of_range
from steadynorm.source.samples import samples_in
from steadynorm.source.symbolic.flow import behind, parts
from steadynorm.source.symbolic.trace import Block, Call, Callback, Frame, Loop
from steadynorm.source.symbolic.values import (
    Class,
    Expression,
    External,
    Instance,
    Item,
    Items,
    Known,
    Product,
    Value,
    constant,
)
from steadynorm.source.torch.chains import is_none
from steadynorm.source.torch.program import Group, TorchProgram
from steadynorm.source.torch.words import LOADERS, RANDOM, short

SIZES = {
    "MNIST": 60_000,
    "FashionMNIST": 60_000,
    "KMNIST": 60_000,
    "QMNIST": 60_000,
    "CIFAR10": 50_000,
    "CIFAR100": 50_000,
    "SVHN": 73_257,
    "STL10": 5_000,
    "USPS": 7_291,
}
"""How many training samples torchvision's data sets have."""

_ROUND = frozenset({"tqdm.tqdm", "tqdm", "tqdm.auto.tqdm", "tqdm.notebook.tqdm", "builtins.enumerate", "builtins.iter"})
_FITS = (".fit", ".run", ".tune")


@dataclass(frozen=True, slots=True)
class Batch:
    """How many samples a step takes.

    Arguments:
        loader: the loader that makes the batches.
        size: the number, `None` where it is not known.
        sure: whether the source alone decides it.
    """

    loader: Call
    size: int | None
    sure: bool


def loaders_of(program: TorchProgram, group: Group) -> list[Call]:
    """The loaders whose batches a model is called with."""
    found = {call.index: call for call in _loaders_behind(*group.given)}
    if not found:
        for block in group.first.within:
            if isinstance(block, Loop):
                found |= {call.index: call for call in _loaders_behind(block.over)}
    if not found:
        found = {call.index: call for call in _of_framework(program, group)}
    return list(found.values())


def _loaders_behind(*values: Value) -> Iterator[Call]:
    """The loaders that values come from, but for the sizes and shapes of made up ones."""
    seen: set[int] = set()
    for value in behind(*values):
        if isinstance(value, Product) and value.call.name in LOADERS and id(value) not in seen:
            seen.add(id(value))
            yield value.call


def _of_framework(program: TorchProgram, group: Group) -> Iterator[Call]:
    """The loaders that a framework is given to train with."""
    callbacks = [block.call for block in group.first.within if isinstance(block, Callback) and block.call is not None]
    for call in program.run.calls():
        if call.name not in _FITS:
            continue
        engine = call.receiver.call if isinstance(call.receiver, Product) else None
        if callbacks and engine not in callbacks:
            continue
        first = 0 if callbacks else 1
        given = [call.argument(first, "train_dataloaders", "train_dataloader", "data")]
        yield from _loaders_behind(*(each for each in given if each is not None))
    if not callbacks:
        for call in program.run.calls():
            if call.name in LOADERS and any(short(frame.function.name) == "train_dataloader" for frame in call.stack):
                yield call


def batch_of(loader: Call, defaults: Defaults) -> Batch:
    """How many samples the batches of a loader have."""
    given = loader.argument(1, "batch_size")
    if given is None:
        other = loader.argument(None, "batch_sampler")
        return Batch(loader, None if loader.more or other is not None else 1, True)
    found = defaults.number(given)
    if found is None or found.value < 1 or found.value != int(found.value):
        return Batch(loader, None, False)
    return Batch(loader, int(found.value), found.sure)


def dataset_of(loader: Call) -> Value | None:
    """The data set of a loader."""
    return loader.argument(0, "dataset")


def iterations(group: Group, defaults: Defaults) -> Number | None:
    """How often a step is made, where the loops around it tell; `None` where one of them does not."""
    total, sure = 1.0, True
    loops = list(_loops(group.first.within))
    if not loops:
        return None
    for loop in loops:
        # Of a short loop each iteration has groups of its own.
        found = Number(1) if loop.unrolled else _times(loop.over, defaults)
        if found is None:
            return None
        total *= found.value
        sure = sure and found.sure
    return Number(total, sure)


def _loops(within: tuple[Block, ...]) -> Iterator[Loop]:
    """The loops around a step, those in the model itself left out."""
    for block in within:
        if isinstance(block, Frame) and short(block.function.name) == "forward":
            return
        if isinstance(block, Loop):
            yield block


def _times(over: Value, defaults: Defaults) -> Number | None:
    """How many items there are to go through."""
    if isinstance(over, Items):
        return Number(len(over.items)) if over.counted else None
    if isinstance(over, Item) and isinstance(over.key, Expression) and over.key.operator == "Slice":
        return _cut(over.key, defaults)
    if not isinstance(over, Product):
        return None
    call = over.call
    if call.name == "builtins.range":
        return length_of_range(call, defaults)
    if call.name in _ROUND and call.arguments:
        return _times(call.arguments[0], defaults)
    if call.name in LOADERS:
        size, samples = batch_of(call, defaults), samples_of(dataset_of(call))
        if size.size is None or samples is None:
            return None
        return Number(math.ceil(samples / size.size), size.sure)
    return None


def _cut(key: Expression, defaults: Defaults) -> Number | None:
    """How many items a part of a list has at most."""
    start, stop, step = key.operands
    first, last = 0 if is_none(start) else defaults.number(start), defaults.number(stop)
    if not is_none(step) or last is None or first is None or last.value < 0:
        return None
    begin = first if isinstance(first, int) else first.value
    return Number(max(last.value - begin, 0), last.sure) if begin >= 0 else None


def samples_of(dataset: Value | None) -> int | None:
    """How many samples a data set has."""
    if not isinstance(dataset, Product) or not dataset.call.name.startswith("torchvision.datasets."):
        return samples_in(dataset)
    train = dataset.call.argument(1, "train")
    if isinstance(train, Known) and train.value in (False, "test"):
        return None
    return SIZES.get(short(dataset.call.name))


def order_of(loader: Call) -> str | None:
    """Why the samples of a loader come in order: `sorted` by their classes or `unshuffled`; `None` if they may not."""
    if loader.more or any(loader.argument(None, name) is not None for name in ("sampler", "batch_sampler")):
        return None
    shuffled = loader.argument(2, "shuffle")
    if loader.argument(3, "sampler") is not None or not (shuffled is None or constant(shuffled) is False):
        return None
    dataset = dataset_of(loader)
    if isinstance(dataset, Product):
        name = dataset.call.name
        if name in ("torchvision.datasets.ImageFolder", "torchvision.datasets.DatasetFolder"):
            return "sorted"
        return "unshuffled" if name.startswith("torchvision.datasets.") and "Fake" not in name else None
    if isinstance(dataset, Instance):
        return "unshuffled" if _is_indexed(dataset.of) else None
    return None


def _is_indexed(cls: Class) -> bool:
    """Whether a data set gives its samples by their numbers, and not as a stream."""
    bases = cls.external_bases()
    streams = any("IterableDataset" in base for base in bases)
    own_order = any(word in cls.name.lower() for word in ("sequence", "series", "stream", "video", "trajectory"))
    return cls.member("__getitem__") is not None and cls.member("__iter__") is None and not streams and not own_order


def origins(program: TorchProgram, *values: Value) -> frozenset[object]:
    """Where values come from: loaders, made up numbers, models and whatever else is not known further."""
    found: set[object] = set()
    seen: set[int] = set()
    pending = list(values)
    for value in pending:
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Product):
            call = value.call
            if call.name in LOADERS:
                found.add(call.index)
                continue
            if call.name in RANDOM:
                found.add("random")
                continue
            if call.name in (".size", ".dim", "builtins.len"):
                continue
            pending += [*call.arguments, *call.keywords.values()]
            if call.receiver is not None and not isinstance(call.receiver, Instance):
                pending.append(call.receiver)
            if isinstance(call.callee, External) and not call.name.startswith(("torch.", "builtins.")):
                found.add(call.name)
        elif isinstance(value, Item):
            pending.append(_of_zip(value) or value.of)
        else:
            pending.extend(parts(value))
    return frozenset(found)


def _of_zip(value: Item) -> Value | None:
    """Which of the things that `zip` goes through an item comes from; `None` if it comes from none."""
    keys: list[object] = []
    inner: Value = value
    while isinstance(inner, Item):
        keys.append(constant(inner.key))
        inner = inner.of
    if not isinstance(inner, Product) or inner.call.name != "builtins.zip":
        return None
    position = next((key for key in reversed(keys) if key is not None), None)
    given = inner.call.arguments
    return given[position] if isinstance(position, int) and position < len(given) else None
