"""SN9 and SN511 in TensorFlow 1: ranges of targets, initial weights, the order of the data, and padding."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.finding import Certainty
from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import behind, inputs
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Expression, Item, Items, Known, Product, Value, constant_int
from steadynorm.source.tensorflow.batches import data_of
from steadynorm.source.tensorflow.data import dataset_of, range_of
from steadynorm.source.tensorflow.norms import Kind, Norm, written
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.words import (
    DENSE,
    DIMENSIONS,
    RECTIFIERS,
    RESHAPES,
    SIGMOIDS,
    SOFTMAX,
    name_of,
    op_name,
    short,
)
from steadynorm.source.tensorflow.world import World

_PAIRS = {
    "tensorflow.losses.mean_squared_error": ("labels", "predictions"),
    "tensorflow.losses.absolute_difference": ("labels", "predictions"),
    "tensorflow.losses.huber_loss": ("labels", "predictions"),
    "tensorflow.squared_difference": ("x", "y"),
    "tensorflow.math.squared_difference": ("x", "y"),
}
_OF_LOGITS = {
    "tensorflow.losses.softmax_cross_entropy": 1,
    "tensorflow.losses.sparse_softmax_cross_entropy": 1,
    "tensorflow.losses.sigmoid_cross_entropy": 1,
    "tensorflow.nn.softmax_cross_entropy_with_logits": None,
    "tensorflow.nn.softmax_cross_entropy_with_logits_v2": None,
    "tensorflow.nn.sparse_softmax_cross_entropy_with_logits": None,
    "tensorflow.nn.sigmoid_cross_entropy_with_logits": None,
}
"""Losses that take a softmax or sigmoid themselves, with the position of what they take it of."""

_OF_DIFFERENCE = ("tensorflow.square", "tensorflow.abs", "tensorflow.pow")
_DRAWS = {"tensorflow.random_normal": 1, "tensorflow.truncated_normal": 1, "tensorflow.random.normal": 1}
_INITIALIZERS = {
    "tensorflow.random_normal_initializer": 0,
    "tensorflow.truncated_normal_initializer": 0,
    "tensorflow.initializers.random_normal": 0,
    "tensorflow.initializers.truncated_normal": 0,
}
_APART = 3
_SMALLEST = 0.001
"""Small deviations above this are right for last layers, and for layers of many inputs."""
_KERNELS = ("kernel_initializer", "weights_initializer", "initializer")
_SHUFFLING = (
    ".shuffle",
    "tensorflow.random_shuffle",
    "tensorflow.train.shuffle_batch",
    "numpy.random.permutation",
    "numpy.random.shuffle",
    "random.shuffle",
    "sklearn.utils.shuffle",
    "sklearn.model_selection.train_test_split",
    ".permutation",
    ".sample",
    ".choice",
    "numpy.random.choice",
)
_KEEPING_TIME = (
    RECTIFIERS
    | DENSE
    | {
        "tensorflow.layers.conv1d",
        "contrib.conv1d",
        "tensorflow.nn.conv1d",
        "tensorflow.identity",
        "tensorflow.nn.bias_add",
    }
    | {"tensorflow.layers.dropout", "tensorflow.nn.dropout", "contrib.dropout"}
)
_RECURRENT = ("tensorflow.nn.dynamic_rnn", "tensorflow.nn.bidirectional_dynamic_rnn")


def output_range(world: World) -> Iterator[Sighting]:
    """Losses between an output and targets of another range than its activation has."""
    for call in world.run.calls():
        for one, other in _pairs(call):
            for output, target in ((one, other), (other, one)):
                activation = _activation(output)
                if activation is None or not any(call in step.data for step in world.steps):
                    continue
                wanted = (-1, 1) if activation == "tanh" else (0, 1)
                found = range_of(world, target)
                if found is not None and found != wanted and world.norms:
                    yield seen(
                        "SN903",
                        call.place,
                        written(call),
                        "range",
                        activation=activation,
                        targets=f"[{found[0]}, {found[1]}]",
                        outputs=f"[{wanted[0]}, {wanted[1]}]",
                        right="tf.nn.tanh" if found == (-1, 1) else "tf.nn.sigmoid",
                    )


def activated_twice(world: World) -> Iterator[Sighting]:
    """Losses that take the softmax or sigmoid of what is one already."""
    for call in world.run.calls():
        name = short(call.name)
        if name not in _OF_LOGITS:
            continue
        logits = call.argument(_OF_LOGITS[name], "logits")
        last = None if logits is None else _last(logits)
        own = "sigmoid" if "sigmoid" in name else "softmax"
        wrong = last == "sigmoid" or (last == "softmax" and own == "softmax")
        if wrong and world.norms and any(call in step.data for step in world.steps):
            yield seen("SN903", call.place, written(call), "twice", activation=last, own=own)


def _pairs(call: Call) -> Iterator[tuple[Value, Value]]:
    names = _PAIRS.get(short(call.name))
    if names is not None:
        one, other = call.argument(0, names[0]), call.argument(1, names[1])
        if one is not None and other is not None:
            yield one, other
    elif short(call.name) in _OF_DIFFERENCE:
        given = call.argument(0, "x")
        if isinstance(given, Expression) and given.operator == "Sub":
            yield given.operands[0], given.operands[1]


def _activation(value: Value) -> str | None:
    last = _last(value)
    return last if last in ("tanh", "sigmoid") else None


def _last(value: Value) -> str | None:
    """The function whose result a value is: `tanh`, `sigmoid`, `softmax`; `None` where it is another one."""
    while isinstance(value, Product) and op_name(value.call) in RESHAPES and value.call.arguments:
        value = value.call.arguments[0]
    if not isinstance(value, Product):
        return None
    name = op_name(value.call)
    if name not in SIGMOIDS | SOFTMAX:
        options = value.call.callee.call if isinstance(value.call.callee, Product) else value.call
        given = options.argument(None, "activation", "activation_fn")
        name = str(given.value) if isinstance(given, Known) else name_of(given)
    last = name.rpartition(".")[2]
    return last if last in ("tanh", "sigmoid", "softmax") else None


def initial_scale(world: World) -> Iterator[Sighting]:
    """Plain normal initialization with its deviation; the check says which are too small or too large."""
    if not world.norms or not world.trained_steps:
        return
    for call in world.run.calls():
        name = short(call.name)
        shape: Value | None = None
        if name in _DRAWS:
            shape = call.argument(0, "shape")
            users = world.uses.of(call.result) if call.result is not None else ()
            made = [user for user in users if short(user.name) == "tensorflow.Variable"]
            if not made or _is_looked_up(world, made[0]) or not _is_trained(made[0]):
                continue
        elif name in _INITIALIZERS:
            taker = _taker(world, call)
            if taker is None or not _is_trained(taker):
                continue
            if short(taker.name) == "tensorflow.get_variable":
                shape = taker.argument(1, "shape")
        else:
            continue
        position = _DRAWS.get(name, _INITIALIZERS.get(name, 0))
        mean, given = call.argument(position, "mean"), call.argument(position + 1, "stddev")
        deviation = 1.0 if given is None and not call.more else getattr(given, "value", None)
        if not isinstance(deviation, int | float) or (mean is not None and mean not in (Known(0), Known(0.0))):
            continue
        fan_in = _fan_in(shape)
        if (fan_in is None or fan_in > 0) and not _fits(float(deviation), fan_in):
            yield seen(
                "SN905",
                call.place,
                written(call),
                "default" if given is None else "given",
                deviation=float(deviation),
                fan_in=fan_in,
            )


def _is_looked_up(world: World, variable: Call) -> bool:
    """Whether a variable is a table of vectors, which are inputs and no weights."""
    users = world.uses.of(variable.result) if variable.result is not None else ()
    return any(user.name in ("tensorflow.nn.embedding_lookup", "tensorflow.gather") for user in users)


def _is_trained(variable: Call) -> bool:
    """Whether it may be trained: a vector of a power iteration, as an example, may begin anywhere."""
    return variable.argument(None, "trainable") != Known(False)


def _fits(deviation: float, fan_in: int | None) -> bool:
    """Whether a deviation is about that of an initializer that knows the layer's size, or may well be."""
    if fan_in is None:
        return _SMALLEST < deviation < 0.01
    own: float = (2 / fan_in) ** 0.5
    return own / _APART <= deviation <= own * _APART


def _taker(world: World, call: Call) -> Call | None:
    for user in world.uses.of(call.result) if call.result is not None else ():
        if any(user.keywords.get(name) is call.result for name in _KERNELS):
            return user
    return None


def _fan_in(shape: Value | None) -> int | None:
    """How many values a unit sums up; 0 for a vector, which is no kernel, `None` if that is not known."""
    if not isinstance(shape, Items):
        return None
    if len(shape.items) < 2:
        return 0
    total = 1
    for each in shape.items[:-1]:
        size = constant_int(each)
        if size is None:
            return None
        total *= size
    return total


def data_order(world: World) -> Iterator[Sighting]:
    """Training data that are taken in their order."""
    for session in world.trainings:
        if not any(world.mode_in(norm, session) is True for norm in world.norms_in(session.reached)):
            continue
        reached = data_of(world, session)
        calls = list(reached.calls.values())
        if any(call.name in _SHUFFLING or "shuffle" in call.name for call in calls):
            continue
        for call in calls:
            if _in_order(call, calls):
                yield seen(
                    "SN906",
                    call.place,
                    written(call),
                    "order",
                    Certainty.LIKELY,
                    "whether the data were put into a random order when they were written",
                    related=(session.call.place,),
                )


def _in_order(call: Call, calls: list[Call]) -> bool:
    name = call.name
    if name in ("tensorflow.estimator.inputs.numpy_input_fn", "tensorflow.estimator.inputs.pandas_input_fn"):
        return call.argument(None, "shuffle") == Known(False) and not _is_shuffled(inputs(call))
    if name == "tensorflow.train.batch":
        producers = [each for each in calls if each.name.endswith(("slice_input_producer", "string_input_producer"))]
        return any(each.argument(None, "shuffle") == Known(False) for each in producers)
    if name not in (".batch", ".padded_batch"):
        return False
    chain = list(dataset_of(call.result))
    made = [each for each in chain if each.name.endswith(".from_tensor_slices")]
    if not made or any(each.name == ".apply" for each in chain):
        return False
    return not _is_shuffled(made[0].arguments)


def _is_shuffled(values: tuple[Value, ...]) -> bool:
    """Whether something on the way to the data puts them into a random order, or they are known to be in one."""
    for value in behind(*values):
        if isinstance(value, Product):
            name = value.call.name
            if name in _SHUFFLING or "shuffle" in name or name.endswith(".load_data") or "read_data_sets" in name:
                return True
            if name.startswith(("sklearn.datasets.make_", "numpy.random.")):
                return True
    return False


def padding(world: World) -> Iterator[Sighting]:
    """Layers over positions of which some are padding."""
    masked = any(short(call.name) == "tensorflow.sequence_mask" for call in world.run.calls())
    for norm in world.norms:
        if norm.kind is Kind.HAND or not any(norm.call in step.data for step in world.steps):
            continue
        what = _padded(norm, masked)
        if what is not None:
            yield seen(
                "SN511",
                norm.place,
                norm.subject,
                "padded",
                Certainty.LIKELY,
                "whether positions beyond a sample's length reach the layer as anything but numbers to be counted",
                padding=what,
            )


def _padded(norm: Norm, masked: bool) -> str | None:
    value = norm.input
    for _ in range(40):
        if isinstance(value, Item):
            of = value.of
            if isinstance(of, Product) and short(of.call.name) in _RECURRENT:
                return "sequence_length" if _has_lengths(of.call) else None
            if isinstance(of, Item):
                value = of
                continue
            padded = any(call.name == ".padded_batch" for call in dataset_of(of))
            return "padded_batch" if padded else None
        if not isinstance(value, Product):
            return None
        name = op_name(value.call)
        if name == "tensorflow.nn.embedding_lookup":
            return "tf.sequence_mask" if masked else None
        if name not in _KEEPING_TIME or (name in DIMENSIONS and "conv1d" not in name):
            return None
        value = value.call.argument(0, "inputs", "x", "features")
    return None


def _has_lengths(call: Call) -> bool:
    given = call.argument(None, "sequence_length")
    return given is not None and given != Known(None)
