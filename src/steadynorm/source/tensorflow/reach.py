"""What runs when something is fetched: everything that it is computed from, and what control dependencies add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from steadynorm.source.symbolic.flow import inputs, parts
from steadynorm.source.symbolic.trace import Call, Run
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Comprehension,
    Expression,
    Instance,
    Item,
    Known,
    Parameter,
    Product,
    Unknown,
    Value,
)
from steadynorm.source.tensorflow.scopes import contexts, control_inputs
from steadynorm.source.tensorflow.words import collection_name, short

_ALL_LOSSES = frozenset(
    {
        "tensorflow.losses.get_total_loss",
        "tensorflow.losses.get_losses",
        "slim.losses.get_total_loss",
        "slim.losses.get_losses",
        "tensorflow.contrib.losses.get_total_loss",
        "tensorflow.contrib.losses.get_losses",
        "slim.get_total_loss",
    }
)
_LOSSES = ("tensorflow.losses.", "slim.losses.", "tensorflow.contrib.losses.")
_COLLECTING = (
    "tensorflow.add_to_collection",
    ".add_to_collection",
    "tensorflow.losses.add_loss",
    "slim.losses.add_loss",
)
_RESETTING = ("tensorflow.reset_default_graph", "keras.backend.clear_session", "keras.utils.clear_session")
_DIFFERENTIATING = (".minimize", ".compute_gradients", "tensorflow.gradients")
_READING = ("tensorflow.get_collection", ".get_collection", "tensorflow.get_collection_ref", "slim.get_collection")
_CHOOSING = ("builtins.filter", ".difference", ".intersection", ".symmetric_difference")
_KNOWN = (".", "tensorflow.", "slim.", "contrib.", "keras.", "builtins.", "functools.", "itertools.")


@dataclass(slots=True, eq=False)
class Reached:
    """What is computed for some values.

    Arguments:
        calls: by their positions.
        attributes: attributes of what is outside of the project, as `layer.updates`.
    """

    calls: dict[int, Call] = field(default_factory=dict)
    attributes: list[Attribute] = field(default_factory=list)

    def __contains__(self, call: Call) -> bool:
        return self.calls.get(call.index) is call


class Reach:
    """The dependencies between the operations of one run."""

    def __init__(self, run: Run) -> None:
        calls = list(run.calls())
        self._losses = [call for call in calls if call.name.startswith(_LOSSES) and "get_" not in call.name]
        self.collecting = [call for call in calls if call.name in _COLLECTING]
        self.reading = [call for call in calls if call.name in _READING]
        self.resets = [call.index for call in calls if call.name in _RESETTING]

    def graph(self, call: Call) -> tuple[int, int]:
        """What tells the graph that a call adds to from others."""
        for context in contexts(call):
            receiver = context.receiver
            if context.name == ".as_default" and isinstance(receiver, Product):
                if receiver.call.name == "tensorflow.Graph":
                    return receiver.call.index, -1
            elif context.name == ".as_default" and isinstance(receiver, Attribute | Parameter | Unknown):
                return -2, -1
        return -1, sum(index < call.index for index in self.resets)

    def of(self, *values: Value | None, data: bool = False, whole: bool = False) -> Reached:
        """Everything that runs for values.

        Arguments:
            values: what is run.
            data: whether only what gradients go back through is wanted.
            whole: whether what of which only a part may be taken, as the operations of one scope, is left out.
        """
        reached = Reached()
        seen: set[int] = set()
        pending: list[Value] = [value for value in values if value is not None]
        for value in pending:
            if id(value) in seen:
                continue
            seen.add(id(value))
            if whole and _may_choose(value):
                continue
            if isinstance(value, Product):
                if value.call.index not in reached.calls:
                    reached.calls[value.call.index] = value.call
                    pending.extend(self._before(value.call, data))
                continue
            if isinstance(value, Attribute):
                reached.attributes.append(value)
            elif isinstance(value, Instance):
                continue
            pending.extend(parts(value))
        return reached

    def _before(self, call: Call, data: bool) -> Iterable[Value]:
        if data and call.name == "tensorflow.stop_gradient":
            return
        for given in inputs(call):
            yield from _differentiated(given) if call.name in _DIFFERENTIATING and not data else (given,)
        if isinstance(call.callee, Product):
            yield call.callee
        if not data:
            yield from control_inputs(call)
        if short(call.name) in _ALL_LOSSES or (call.name in _READING and self.key(call) == "losses"):
            graph = self.graph(call)
            for each in self._losses:
                if each.index < call.index and each.result is not None and self.graph(each) == graph:
                    yield each.result
        if call.name in _READING:
            yield from self.collected(self.key(call), call)

    @staticmethod
    def key(call: Call) -> str | None:
        """The collection that a call reads or adds to."""
        if call.name.endswith("add_loss"):
            return "losses"
        return collection_name(call.argument(0, "key", "name"))

    def collected(self, key: str | None, before: Call) -> Iterable[Value]:
        """What the program itself has put into a collection before a call."""
        graph = self.graph(before)
        for each in self.collecting:
            if each.index < before.index and key is not None and self.key(each) == key and self.graph(each) == graph:
                value = each.argument(0 if each.name.endswith("add_loss") else 1, "value", "loss")
                if value is not None and not isinstance(value, Known):
                    yield value


def _may_choose(value: Value) -> bool:
    """Whether something may be a part of a list that it is made of."""
    if isinstance(value, Product):
        return value.call.name in _CHOOSING or not short(value.call.name).startswith(_KNOWN)
    if isinstance(value, Comprehension):
        return bool(value.tests)
    return isinstance(value, Item) or (isinstance(value, Expression) and value.operator == "Sub")


def _differentiated(loss: Value) -> Iterator[Value]:
    """What a loss is a copy of, whose gradient needs no value of the copy: what the copy waits for is not run."""
    inner: Value | None = None
    if isinstance(loss, Product):
        if loss.call.name == "tensorflow.identity":
            inner = loss.call.argument(0, "input")
        elif loss.call.name.endswith("control_flow_ops.with_dependencies"):
            inner = loss.call.argument(1, "output_tensor")
    if isinstance(loss, Choice):
        for each in loss.options:
            yield from _differentiated(each)
    elif inner is None:
        yield loss
    else:
        yield from _differentiated(inner)
