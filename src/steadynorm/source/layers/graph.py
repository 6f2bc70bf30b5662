"""What stands before and behind each normalization layer, in programs whose layers are objects that are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from steadynorm.source.layers.words import NORMALIZATIONS, activation_of, kind_of, kind_of_activation, made_by
from steadynorm.source.symbolic.trace import Call, Callback, Run
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Comprehension,
    Expression,
    Item,
    Items,
    Known,
    Product,
    Table,
    Value,
)

_WITH_STATE = "equinox.nn.BatchNorm"
_TRANSPARENT = ("reshape",)


@dataclass(frozen=True, slots=True)
class Norm:
    """One use of a normalization layer.

    Arguments:
        call: the call of the layer.
        made: the call that made it.
        framework: `keras` or `jax`.
        input: what it is given.
        output: what it gives.
    """

    call: Call
    made: Call
    framework: str
    input: Value | None
    output: Value


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on the way into or out of a layer.

    Arguments:
        kind: as in `layer_words`; `arithmetic` for operators, `model` where it becomes a model's output.
        call: the call that does it.
        made: the call that made the layer; `None` for a function.
    """

    kind: str
    call: Call
    made: Call | None = None


class LayerGraph:
    """The layers of one run, who feeds them and who reads them."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.norms: list[Norm] = []
        self.made: list[Call] = []
        for call in run.calls():
            if call.name in NORMALIZATIONS:
                self.made.append(call)
            norm = _norm(call)
            if norm is not None:
                self.norms.append(norm)

    @cached_property
    def _readers(self) -> dict[int, list[Step]]:
        """By value who reads it; most runs have no layer that this would be asked of."""
        found: dict[int, list[Step]] = defaultdict(list)
        for call in self.run.calls():
            if not _is_passage(call):
                self._note(call, found)
        return found

    def _note(self, call: Call, found: dict[int, list[Step]]) -> None:
        step = Step("model" if call.name == "keras.Model" else kind_of(call), call, made_by(call))
        receiver = () if call.receiver is None or call.receiver is call.callee else (call.receiver,)
        for value in (*receiver, *call.arguments, *call.keywords.values()):
            self._read(value, step, found)

    def _read(self, value: Value, step: Step, found: dict[int, list[Step]]) -> None:
        # A value may hold itself, as what a loop leaves for its next iteration does.
        pending = [(value, step)]
        seen: set[tuple[int, str]] = set()
        while pending:
            each, how = pending.pop()
            if (id(each), how.kind) in seen:
                continue
            seen.add((id(each), how.kind))
            parts, kind = _parts(each, how.kind)
            if parts is None:
                found[_key(each)].append(how)
            inner = how if kind == how.kind else Step(kind, how.call)
            pending.extend((part, inner) for part in reversed(parts or _of(each)))

    def readers(self, value: Value) -> tuple[Step, ...]:
        """Who reads a value, each operation once."""
        steps = {(step.call.index, step.kind): step for step in self._readers.get(_key(value), ())}
        return tuple(steps.values())

    def before(self, value: Value | None) -> Iterator[Step]:
        """The operations that led to a value, nearest first, as long as each has one input and one way.

        What a layer applies to its own result comes before the layer.
        """
        seen: set[int] = set()
        while isinstance(value, Product | Item) and id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, Item):
                if _key(value) == id(value):
                    return
                value = value.of
                continue
            call = value.call
            made = made_by(call)
            own = None if made is None else activation_of(made)
            if own is not None:
                yield Step(kind_of_activation(own), call)
            yield Step(kind_of(call), call, made)
            value = _first(call)

    def after(self, value: Value) -> tuple[Step, ...]:
        """The operations that read a value, reshapes left out."""
        found: list[Step] = []
        for step in self.readers(value):
            if step.kind in _TRANSPARENT and step.call.result is not None:
                found.extend(self.after(step.call.result))
            else:
                found.append(step)
        return tuple(found)


def _parts(value: Value, kind: str) -> tuple[tuple[Value, ...] | None, str]:
    """What a value consists of, `None` where it is read as it is, and the kind of operation that reads that."""
    if isinstance(value, Items):
        return value.items, kind
    if isinstance(value, Table):
        return tuple(value.entries.values()), kind
    if isinstance(value, Expression):
        return value.operands, "arithmetic"
    if isinstance(value, Choice):
        return value.options, "choice"
    if isinstance(value, Comprehension):
        return (value.element,), "other"
    return None, kind if kind == "arithmetic" else "other"


def _of(value: Value) -> tuple[Value, ...]:
    return (value.of,) if isinstance(value, Attribute | Item) and _key(value) == id(value) else ()


def _norm(call: Call) -> Norm | None:
    made = made_by(call)
    framework = None if made is None else NORMALIZATIONS.get(made.name)
    if made is None or framework is None:
        return None
    given = call.argument(0, "inputs", "x", "inputs_arrays")
    return Norm(call, made, framework, given, call.result or Product(call))


def _is_passage(call: Call) -> bool:
    """Whether a call ran code of the project, so that the calls in there are what reads its arguments."""
    result = call.result
    return result is not None and not (isinstance(result, Product) and result.call is call)


def _key(value: Value) -> int:
    """What identifies a value; of a layer that gives its state as well that is the call, for its first item."""
    if isinstance(value, Item) and isinstance(value.of, Product) and value.key == Known(0):
        made = made_by(value.of.call)
        if made is not None and made.name == _WITH_STATE:
            return _key(value.of)
    return id(value.call) if isinstance(value, Product) else id(value)


def _first(call: Call) -> Value | None:
    if made_by(call) is None and call.receiver is not None:
        return call.receiver
    return call.arguments[0] if call.arguments else next(iter(call.keywords.values()), None)


def is_building(call: Call) -> bool:
    """Whether a call only makes a Flax model's variables, or shows what they are."""
    return any(
        isinstance(block, Callback) and block.argument in ("init", "init_with_output", "lazy_init", "tabulate")
        for block in call.within
    )
