"""Batches: how many samples they have, whether they are drawn at random, and where that is said.

For data that go through tf.data, Keras's utilities, PyTorch's DataLoader or slices of arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.source.defaults import Defaults
from steadynorm.source.symbolic.flow import Uses, behind
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Comprehension,
    Expression,
    External,
    Item,
    Items,
    Known,
    Product,
    Table,
    Value,
    constant_bool,
)

_BATCHING = {".batch": (0, "batch_size"), ".padded_batch": (0, "batch_size")}
_LOADERS = {
    "keras.utils.image_dataset_from_directory": (None, "batch_size", 32),
    "keras.preprocessing.image_dataset_from_directory": (None, "batch_size", 32),
    "keras.utils.text_dataset_from_directory": (None, "batch_size", 32),
    "keras.preprocessing.text_dataset_from_directory": (None, "batch_size", 32),
    "keras.utils.audio_dataset_from_directory": (None, "batch_size", 32),
    "torch.utils.data.DataLoader": (1, "batch_size", 1),
    ".flow_from_directory": (None, "batch_size", 32),
    ".flow_from_dataframe": (None, "batch_size", 32),
    ".flow": (2, "batch_size", 32),
}
"""Calls that give batches: the position and name of the batch size, and its default."""

_SHUFFLING = ("_dataset_from_directory", ".flow_from_directory", ".flow_from_dataframe", ".flow")
"""Those that draw at random unless they are told not to."""

_ON_THE_WAY = frozenset(
    {
        ".shuffle",
        ".map",
        ".cache",
        ".prefetch",
        ".repeat",
        ".take",
        ".skip",
        ".filter",
        ".interleave",
        ".enumerate",
        ".with_options",
        ".as_numpy_iterator",
        ".apply",
        ".unbatch",
        ".numpy",
        ".transpose",
        ".reshape",
        ".astype",
        "builtins.iter",
        "builtins.next",
        "builtins.enumerate",
        "builtins.zip",
        "tqdm.tqdm",
        "tqdm.auto.tqdm",
        "tensorflow_datasets.as_numpy",
        "tensorflow.data.Dataset.zip",
        "tensorflow.cast",
        "tensorflow.reshape",
        "tensorflow.image.resize",
        "tensorflow.convert_to_tensor",
        "jax.device_put",
        "jax.numpy.array",
        "jax.numpy.asarray",
        "jax.tree_util.tree_map",
        "jax.tree.map",
        "flax.training.common_utils.shard",
    }
)
"""Calls that give the same batches, changed or not."""

_HANDED_OVER = (".experimental_distribute_dataset",)
"""Methods of something else that give the batches that they are given."""

_ONE = ("numpy.expand_dims", "jax.numpy.expand_dims", "tensorflow.expand_dims", "keras.ops.expand_dims")
_NEW_AXIS = ("numpy.newaxis", "tensorflow.newaxis", "jax.numpy.newaxis")
_SHUFFLES = ("shuffle", "permut", "train_test_split", "sample", "choice", "integers", "randint", "fold")
_IN_ORDER = ("tensorflow.data.Dataset.from_tensor_slices", "tensorflow.data.Dataset.from_tensors")
REPLICAS = ("num_replicas_in_sync",)
DEVICES = ("jax.device_count", "jax.local_device_count")


@dataclass(frozen=True, slots=True)
class Batch:
    """How a value came to be a batch.

    Arguments:
        call: the call that makes batches; `None` where an axis is added to one sample.
        size: samples in a batch; `None` where that is not known.
        per_replica: whether `size` is that of one device.
        shuffled: whether they are drawn at random; `None` where that is not known.
        sure: whether the source alone decides the size, not the command line.
    """

    call: Call | None
    size: int | None
    per_replica: bool = False
    shuffled: bool | None = None
    sure: bool = True


def batch_of(value: Value | None, uses: Uses, defaults: Defaults | None = None) -> Batch | None:
    """The batch that a value is, or an iteration over it gives; `None` where nothing is known.

    Arguments:
        value: what a model is given, or a data set.
        uses: who takes what in the run: arrays are shuffled in place.
        defaults: of the options of the command line.
    """
    defaults = Defaults(()) if defaults is None else defaults
    for each in () if value is None else way_back(value):
        if _adds_axis(each):
            return Batch(None, 1)
        if not isinstance(each, Product):
            continue
        call = each.call
        if call.name in _BATCHING:
            position, name = _BATCHING[call.name]
            size, per_replica, sure = size_of(call.argument(position, name), defaults)
            return Batch(call, size, per_replica, _is_shuffled(call, uses), sure)
        if call.name in _LOADERS:
            position_of, name, default = _LOADERS[call.name]
            given = call.argument(position_of, name)
            left_out = given is None and not call.more
            size, per_replica, sure = (default, False, True) if left_out else size_of(given, defaults)
            return Batch(call, size, per_replica, _is_shuffled(call, uses), sure)
    return None


def way_back(value: Value) -> Iterator[Value]:
    """A batch and what it came from, nearest first, as long as it is the same samples."""
    pending, seen = [value], set[int]()
    for each in pending:
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, Attribute | Item):
            pending.append(each.of)
        elif isinstance(each, Expression) and each.operator in ("Add", "Sub", "Mult", "Div"):
            pending.extend(each.operands)
        elif isinstance(each, Items):
            pending.extend(each.items)
        elif isinstance(each, Table):
            pending.extend(each.entries.values())
        elif isinstance(each, Choice):
            pending.extend(each.options)
        elif isinstance(each, Comprehension):
            pending.append(each.element)
        elif isinstance(each, Product):
            call = each.call
            passes = call.name in _ON_THE_WAY or call.name in _BATCHING
            if call.name in _HANDED_OVER:
                pending.extend(call.arguments)
            elif passes and call.name.startswith(".") and call.receiver is not None:
                pending.append(call.receiver)
            elif passes:
                pending.extend(call.arguments)
            elif call.name == "":
                pending.extend(call.arguments[:1])


def _adds_axis(value: Value) -> bool:
    """Whether a value is one sample with an axis for the batch put before it."""
    if isinstance(value, Item) and value.key is not None:
        key = value.key
        first = key.items[0] if isinstance(key, Items) and key.items else key
        return first == Known(None) or (isinstance(first, External) and first.name in _NEW_AXIS)
    if isinstance(value, Product) and value.call.name in _ONE:
        return value.call.argument(1, "axis") == Known(0)
    return False


def size_of(value: Value | None, defaults: Defaults) -> tuple[int | None, bool, bool]:
    """A batch size; whether it is that of one device, as in `4 * strategy.num_replicas_in_sync`; whether it is sure."""
    if isinstance(value, Expression) and value.operator == "Mult" and any(map(is_device_count, value.operands)):
        others = [each for each in value.operands if not is_device_count(each)]
        found = defaults.number(others[0]) if len(others) == 1 else None
        return (None, False, True) if found is None else (int(found.value), True, found.sure)
    found = defaults.number(value)
    return (None, False, True) if found is None else (int(found.value), False, found.sure)


def is_device_count(value: Value) -> bool:
    """Whether a value is the number of devices that train together."""
    if isinstance(value, Attribute):
        return value.name in REPLICAS
    return isinstance(value, Product) and value.call.name in DEVICES


def _is_shuffled(call: Call, uses: Uses) -> bool | None:
    """Whether samples are drawn at random: `False` only where their order is surely that of the source."""
    if call.name == "torch.utils.data.DataLoader":
        return _is_shuffled_loader(call)
    if call.name.endswith(_SHUFFLING):
        return constant_bool(call.keywords.get("shuffle", Known(True)))
    source: Value | None = call.receiver
    while isinstance(source, Product):
        name = source.call.name
        if name in (".shuffle", ".shuffle_and_repeat"):
            return True
        if name in _IN_ORDER:
            return None if is_drawn(uses, *source.call.arguments) else False
        if name not in _ON_THE_WAY or source.call.receiver is None:
            return None
        source = source.call.receiver
    return None


def _is_shuffled_loader(call: Call) -> bool | None:
    if call.more or call.argument(3, "sampler") is not None or call.argument(4, "batch_sampler") is not None:
        return None
    given = call.argument(2, "shuffle")
    return False if given is None else constant_bool(given)


def is_drawn(uses: Uses, *values: Value) -> bool:
    """Whether arrays are shuffled or drawn from on the way to values, or in place."""
    for value in behind(*values):
        if isinstance(value, Product) and any(word in value.call.name.lower() for word in _SHUFFLES):
            return True
        for use in uses.of(value):
            if use.dropped and any(word in use.name.lower() for word in _SHUFFLES):
                return True
    return False
