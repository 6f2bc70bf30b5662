"""The normalization layers of a run: tf.layers, tf.contrib.layers and slim, Keras layers, and the fused operation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from steadynorm.place import Place
from steadynorm.source.symbolic.trace import Call, Run
from steadynorm.source.symbolic.values import (
    Items,
    Known,
    Partial,
    Product,
    Table,
    Unknown,
    Value,
)
from steadynorm.source.tensorflow.mode import Mode, Source, mode_of
from steadynorm.source.tensorflow.phases import Phases
from steadynorm.source.tensorflow.published import Network, network_of
from steadynorm.source.tensorflow.scopes import Scoping, argument, named, reuses, scoped, scoping
from steadynorm.source.tensorflow.words import (
    DENSE,
    DIMENSIONS,
    REPEATING,
    collection_name,
    made_by,
    name_of,
    op_name,
)

_FUNCTION = "tensorflow.layers.batch_normalization"
_CLASSES = ("tensorflow.layers.BatchNormalization", "tensorflow.layers.BatchNorm")
_CONTRIB = "contrib.batch_norm"
_GRAPHS = frozenset(
    {
        "tensorflow.Session",
        "tensorflow.InteractiveSession",
        "tensorflow.placeholder",
        "tensorflow.placeholder_with_default",
        "tensorflow.get_collection",
        "tensorflow.global_variables_initializer",
        "tensorflow.estimator.EstimatorSpec",
        "tensorflow.estimator.Estimator",
        "tensorflow.train.Saver",
    }
)
"""Calls that only make sense in a graph."""

_KERAS = ("keras.layers.BatchNormalization", "keras.layers.SyncBatchNormalization")
_FUSED = ("tensorflow.nn.fused_batch_norm", "tensorflow.compat.v1.nn.fused_batch_norm")

UPDATE_OPS = "update_ops"


class Kind(StrEnum):
    """Whose layer it is."""

    LAYERS = "tf.layers"
    CONTRIB = "tf.contrib.layers"
    KERAS = "tf.keras"
    FUSED = "fused"
    HAND = "by hand"


class Updates(StrEnum):
    """Where the updates of the statistics are."""

    COLLECTED = "collected"
    IN_PLACE = "in place"
    LAYER = "layer"
    """In `layer.updates` alone."""
    BY_HAND = "by hand"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(slots=True, eq=False)
class Norm:
    """One application of a normalization layer.

    Arguments:
        call: the call that applies it; of one that a convolution applies (normalizer_fn) the convolution's.
        kind: whose it is.
        mode: what decides its mode.
        given: the mode argument; `None` if it is left out.
        input: what is normalized.
        updates: where its updates are.
        collection: the collection that holds them.
        decay: of the averages: the argument; `None` if it is left out.
        decay_default: what it is then.
        trainable: the argument that says whether gamma and beta are trained; `None` if it is left out.
        scale: the argument that says whether there is a gamma, likewise.
        layer: the call that made the layer object.
        inner: whether it is the normalizer_fn of another layer.
        moments: of one by hand: the call of tf.nn.moments.
        assignments: of one by hand: the calls that update its averages.
        variables: the values of its averages, where the program holds them.
        scoping: the variable scopes that its variables are made in.
        reuse: whether it takes variables that are there already; `None` if that is not known.
        name: its own name, empty where it is worked out; `None` if it is left out, or not known.
        activation: what it applies to its own result; `None` without one.
        several: whether it stands for all layers of a network that others have written.
        told_by: the call that says the mode or leaves it out, where that is not the layer's own.
    """

    call: Call
    kind: Kind
    mode: Mode
    given: Value | None
    input: Value | None
    updates: Updates
    collection: str = UPDATE_OPS
    decay: Value | None = None
    decay_default: float = 0.99
    trainable: Value | None = None
    scale: Value | None = None
    layer: Call | None = None
    inner: bool = False
    moments: Call | None = None
    assignments: tuple[Call, ...] = ()
    variables: tuple[Value, ...] = ()
    scoping: Scoping = field(default_factory=lambda: Scoping((), False))
    reuse: bool | None = False
    name: str | None = None
    activation: Value | None = None
    several: bool = False
    told_by: Call | None = None

    @property
    def place(self) -> Place:
        """Where it is applied."""
        return self.call.place

    @property
    def subject(self) -> str:
        """What it is called in the source."""
        return written(self.call)

    @property
    def momentum(self) -> float | None:
        """The decay as a number, if it is one."""
        if self.decay is None:
            return self.decay_default
        value = self.decay.value if isinstance(self.decay, Known) else None
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    @property
    def stands_still(self) -> bool:
        """Whether its averages are meant to stay as they are."""
        return self.momentum == 1.0

    @property
    def frozen(self) -> bool:
        """Whether its gamma and beta are not trained, as the layer says itself."""
        return isinstance(self.trainable, Known) and not self.trainable.value

    @property
    def told_not_to_train(self) -> bool:
        """Whether it is the application for inference, as the one in the other branch of a condition."""
        return isinstance(self.given, Known) and not self.given.value

    @property
    def is_in_phase(self) -> bool:
        """Whether it takes its mode from a learning phase of Keras's that was set."""
        return self.told_by is not None and "learning_phase" in self.told_by.name

    @property
    def keeps_statistics(self) -> bool:
        """Whether there are averages."""
        return self.updates is not Updates.NONE


def written(call: Call) -> str:
    """The function of a call as it is written."""
    node = call.node
    if node is None:
        # A sequence of layers calls them itself.
        return op_name(call).rpartition(".")[2]
    text = ast.unparse(node.func)
    return text if len(text) <= 60 else call.name.rpartition(".")[2]


def norms_of(run: Run) -> list[Norm]:
    """The layers that a run applies, in their order, without those that are written by hand.

    Layers of Keras are among them where a graph is built and run; elsewhere they are the business of Keras's reader.
    """
    found = [norm for call in run.calls() for norm in _of_call(call)]
    phases = Phases(run)
    for norm in found:
        if norm.mode.source is Source.PHASE:
            _set_phase(norm, phases)
    if any(call.name in _GRAPHS or call.name.startswith(("tensorflow.layers.", "slim.")) for call in run.calls()):
        return found
    return [norm for norm in found if norm.kind is not Kind.KERAS]


def _set_phase(norm: Norm, phases: Phases) -> None:
    """Gives a layer that asks for the learning phase the one that was set before."""
    asked = norm.mode.tensor
    at = phases.at(asked.call if isinstance(asked, Product) else norm.call)
    if at is not None:
        norm.told_by, norm.given = at
        norm.mode = mode_of(norm.given, False)


def _of_call(call: Call) -> Iterator[Norm]:
    name = op_name(call)
    made = made_by(call)
    if name == _FUNCTION:
        yield _of_layers(call, call, 14, 1)
    elif name in _CLASSES and made is not None:
        yield _of_layers(call, made, None, 0)
    elif name == _CONTRIB:
        yield _of_contrib(call)
    elif name in _KERAS and made is not None:
        yield _of_keras(call, made)
    elif name in _FUSED:
        yield _of_fused(call)
    elif (network := network_of(call)) is not None:
        yield _of_network(call, network)
    else:
        applied = name_of(call.argument(REPEATING[name], "layer")) if name in REPEATING else name
        if applied.startswith("contrib.") and (applied in DIMENSIONS or applied in DENSE):
            yield from _of_normalizer(call, applied)


def _of_layers(call: Call, options: Call, mode_position: int | None, shift: int) -> Norm:
    """Of tf.layers: a function with all its arguments, or an object that gets the mode when it is called."""
    mode = _left_out(call, call.argument(mode_position if shift else 1, "training"))
    trainable = options.argument(14 + shift if shift else None, "trainable")
    around, name = named(options, options.argument(15 + shift if shift else None, "name"))
    return Norm(
        call,
        Kind.LAYERS,
        mode_of(mode, False),
        mode,
        call.argument(0, "inputs"),
        Updates.COLLECTED,
        decay=_left_out(options, options.argument(1 + shift, "momentum")),
        trainable=trainable,
        scale=options.argument(4 + shift, "scale"),
        layer=None if options is call else options,
        scoping=around,
        reuse=reuses(options.argument(None, "reuse", "_reuse")) if not options.more else None,
        name=name,
    )


def _left_out(call: Call, value: Value | None) -> Value | None:
    """An argument of a call; not known where it may be among `**kwargs`."""
    return Unknown() if value is None and call.more else value


def _of_contrib(call: Call) -> Norm:
    def given(position: int | None, *names: str) -> Value | None:
        return argument(call, _CONTRIB, position, *names)

    mode = given(9, "is_training")
    updates, collection = _where(given(8, "updates_collections"))
    around, name = named(call, given(18, "scope"))
    return Norm(
        call,
        Kind.CONTRIB,
        mode_of(mode, True),
        mode,
        call.argument(0, "inputs"),
        updates,
        collection,
        given(1, "decay"),
        0.999,
        given(13, "trainable"),
        given(3, "scale") or Known(False),
        scoping=around,
        reuse=reuses(given(10, "reuse")),
        name=name,
        activation=given(5, "activation_fn"),
    )


def _where(value: Value | None) -> tuple[Updates, str]:
    if value is None:
        return Updates.COLLECTED, UPDATE_OPS
    if isinstance(value, Known) and value.value is None:
        return Updates.IN_PLACE, ""
    if isinstance(value, Items) and len(value.items) == 1:
        value = value.items[0]
    name = collection_name(value)
    return (Updates.COLLECTED, name) if name is not None else (Updates.UNKNOWN, "")


def _of_keras(call: Call, made: Call) -> Norm:
    mode = _left_out(call, call.argument(1, "training"))
    found = mode_of(mode, False)
    if mode is None or mode == Known(None):
        found = mode_of(Product(_learning_phase(call)), False)
    around, name = named(made, made.argument(None, "name"))
    return Norm(
        call,
        Kind.KERAS,
        found,
        mode,
        call.argument(0, "inputs"),
        Updates.LAYER,
        decay=_left_out(made, made.argument(1, "momentum")),
        trainable=made.argument(None, "trainable"),
        scale=made.argument(4, "scale"),
        layer=made,
        scoping=around,
        name=name,
    )


def _learning_phase(call: Call) -> Call:
    """The mode of a Keras layer that is not told: as if the learning phase were handed to it."""
    return Call(call.index, call.callee, "keras.backend.learning_phase", None, (), {}, False, call.place, call.within)


def _of_fused(call: Call) -> Norm:
    mode = _left_out(call, call.argument(7, "is_training"))
    return Norm(call, Kind.FUSED, mode_of(mode, True), mode, call.argument(0, "x"), Updates.NONE, scoping=scoping(call))


def _of_normalizer(call: Call, name: str) -> Iterator[Norm]:
    """A layer of slim that normalizes its own output."""
    function = argument(call, name, None, "normalizer_fn")
    if function is None or name_of(function) != _CONTRIB:
        return
    params = argument(call, name, None, "normalizer_params")
    own = dict(function.keywords) if isinstance(function, Partial) else {}
    unknown: Value | None = None
    if isinstance(params, Table):
        own |= {key: value for key, value in params.entries.items() if isinstance(key, str)}
        if not params.complete:
            unknown = Unknown()
    elif params is not None and params != Known(None):
        unknown = Unknown()

    def given(*names: str) -> Value | None:
        for each in names:
            if each in own:
                return own[each]
        return unknown or scoped(call, _CONTRIB, *names)

    mode = given("is_training")
    updates, collection = _where(given("updates_collections"))
    activation = argument(call, name, None, "activation_fn")
    around, own_name = named(call, argument(call, name, None, "scope"))
    yield Norm(
        call,
        Kind.CONTRIB,
        mode_of(mode, True),
        mode,
        None,
        updates,
        collection,
        given("decay"),
        0.999,
        argument(call, name, None, "trainable"),
        given("scale") or Known(False),
        inner=True,
        scoping=around,
        reuse=reuses(argument(call, name, None, "reuse")),
        name=own_name,
        activation=activation if activation is not None else Known("relu"),
    )


def _of_network(call: Call, network: Network) -> Norm:
    """The layers of a published network, as one."""
    given = call.argument(None, "scope")
    around, name = named(call, given)
    return Norm(
        call,
        Kind.CONTRIB,
        mode_of(network.mode, network.otherwise),
        network.mode,
        None,
        Updates.UNKNOWN if network.altered else Updates.COLLECTED,
        decay=Unknown(),
        scale=Known(True),
        scoping=around,
        reuse=reuses(call.argument(None, "reuse")),
        name=network.name if given is None else name,
        inner=True,
        several=True,
        told_by=network.told_by,
    )


def places_of(norms: list[Norm]) -> tuple[Place, ...]:
    """Where layers stand, each place once."""
    return tuple(dict.fromkeys(norm.place for norm in norms))
