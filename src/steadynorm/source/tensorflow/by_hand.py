"""Normalization written out: tf.nn.moments, a formula, and averages that the program keeps itself, or does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.source.symbolic.flow import Uses, inputs, inside, parts
from steadynorm.source.symbolic.trace import Call, Callback, Run
from steadynorm.source.symbolic.values import Expression, Items, Known, Product, Value
from steadynorm.source.tensorflow.mode import Mode, Source, mode_of
from steadynorm.source.tensorflow.norms import Kind, Norm, Updates
from steadynorm.source.tensorflow.scopes import scoping
from steadynorm.source.tensorflow.words import ASSIGNING_METHODS, ASSIGNMENTS, VARIABLES, short

_MOMENTS = ("tensorflow.nn.moments", "tensorflow.nn.weighted_moments", "tensorflow.nn.sufficient_statistics")
_NORMALIZING = (
    "tensorflow.nn.batch_normalization",
    "tensorflow.nn.batch_norm_with_global_normalization",
    "tensorflow.nn.fused_batch_norm",
)
_ROOTS = ("tensorflow.sqrt", "tensorflow.rsqrt", "tensorflow.math.sqrt", "tensorflow.math.rsqrt")
_CONDITIONS = ("tensorflow.cond", "tensorflow.python.control_flow_ops.cond", "slim.utils.smart_cond")
_AVERAGES = ("tensorflow.train.ExponentialMovingAverage",)


def condition_of(call: Call) -> tuple[Call, bool] | None:
    """The tf.cond in whose branch a call stands, and which of them."""
    for block in reversed(call.within):
        if isinstance(block, Callback) and block.call is not None and is_condition(block.call):
            if block.argument in (1, "true_fn", "fn1"):
                return block.call, True
            if block.argument in (2, "false_fn", "fn2"):
                return block.call, False
    return None


def is_condition(call: Call) -> bool:
    """Whether a call is tf.cond or the like of it."""
    name = short(call.name)
    return name in _CONDITIONS or name.endswith(("control_flow_ops.cond", ".smart_cond"))


def predicate(condition: Call) -> Value | None:
    """What a tf.cond asks."""
    return condition.argument(0, "pred")


@dataclass(slots=True, eq=False)
class _Found:
    """What a mean or a variance is computed from, up to the nearest moments, averages and variables."""

    moments: list[Call]
    averages: list[Value]
    conditions: list[Call]


def norms_by_hand(run: Run, uses: Uses) -> list[Norm]:
    """The normalizations that a run writes out, in their order: both branches of a condition are one."""
    finder = _Finder(run, uses)
    return list(finder.norms())


class _Finder:
    def __init__(self, run: Run, uses: Uses) -> None:
        self._uses = uses
        self._calls = list(run.calls())
        self._assignments = [(call, *_assigned(call)) for call in self._calls if _assigns(call)]

    def norms(self) -> Iterator[Norm]:
        joined: dict[tuple[int, int], Norm] = {}
        for call in self._calls:
            norm = self._of(call)
            if norm is None:
                continue
            chosen = condition_of(call)
            if chosen is None:
                yield norm
                continue
            # A layer that is built in both branches of a condition is one, whose mode the condition decides.
            key = chosen[0].index, len([block for block in call.within if isinstance(block, Callback)])
            norm.mode = decided(predicate(chosen[0]), chosen[1] is (norm.moments is not None))
            other = joined.get(key)
            if other is None:
                joined[key] = norm
                yield norm
            else:
                other.moments = other.moments or norm.moments
                other.assignments += norm.assignments
                other.variables += norm.variables
                other.updates = Updates.BY_HAND if other.assignments or other.variables else other.updates

    def _of(self, call: Call) -> Norm | None:
        name = short(call.name)
        if name in _NORMALIZING and not name.endswith("fused_batch_norm"):
            mean = call.argument(1, "mean", "m")
            source = call.argument(0, "x", "t")
        elif name.endswith("fused_batch_norm"):
            return self._of_fused(call)
        elif name in _ROOTS:
            mean, source = self._of_root(call)
        else:
            return None
        if mean is None:
            return None
        found = self._found(mean)
        batch = [moments for moments in found.moments if over_batch(moments) is not False]
        if not batch:
            return None if not found.averages else self._norm(call, source, found, None)
        return self._norm(call, source, found, batch[0])

    def _of_fused(self, call: Call) -> Norm | None:
        """The fused operation where the program keeps averages of what it gives back."""
        assignments = self._reading(call)
        mean = call.argument(3, "mean")
        variables = () if mean is None or mean == Known(None) else (mean,)
        if not assignments and not variables:
            return None
        mode = mode_of(call.argument(7, "is_training"), True)
        moments = call if mode.fixed or mode.source is not Source.FIXED else None
        updates = Updates.BY_HAND
        return Norm(
            call,
            Kind.HAND,
            mode,
            None,
            call.argument(0, "x"),
            updates,
            moments=moments,
            assignments=assignments,
            variables=(*variables, *(target for _, target in self._targets(assignments))),
            scoping=scoping(call),
            reuse=False,
        )

    def _of_root(self, call: Call) -> tuple[Value | None, Value | None]:
        """The mean that is subtracted where a root of the variance divides."""
        argument = call.argument(0, "x")
        if argument is None or not self._found(argument).moments:
            return None, None
        for user in self._uses.of(call.result) if call.result is not None else ():
            for value in inside(*inputs(user)):
                if isinstance(value, Expression) and value.operator == "Sub" and self._found(value.operands[1]).moments:
                    return value.operands[1], value.operands[0]
        return None, None

    def _norm(self, call: Call, source: Value | None, found: _Found, moments: Call | None) -> Norm:
        assignments = () if moments is None else self._reading(moments)
        variables = (*found.averages, *(target for _, target in self._targets(assignments)))
        if found.conditions:
            mode = decided(predicate(found.conditions[0]), self._trains_when_true(found.conditions[0]))
        elif moments is not None and found.averages:
            mode = Mode(Source.UNKNOWN)
        else:
            mode = Mode(Source.FIXED, moments is not None)
        updates = Updates.BY_HAND if assignments or variables else Updates.NONE
        return Norm(
            call,
            Kind.HAND,
            mode,
            None,
            source,
            updates,
            moments=moments,
            assignments=assignments,
            variables=variables,
            scoping=scoping(call),
        )

    def _trains_when_true(self, condition: Call) -> bool:
        for key, value in condition.callbacks.items():
            if self._found(value).moments:
                return key in (1, "true_fn", "fn1")
        return True

    def _reading(self, moments: Call) -> tuple[Call, ...]:
        """The assignments that take what a call of moments gave."""
        return tuple(
            call
            for call, value, _ in self._assignments
            if value is not None and any(each is moments for each in self._found(value).moments)
        )

    def _targets(self, assignments: tuple[Call, ...]) -> Iterator[tuple[Call, Value]]:
        for call, _, target in self._assignments:
            if call in assignments and target is not None:
                yield call, target

    def _found(self, *values: Value) -> _Found:
        found = _Found([], [], [])
        seen: set[int] = set()
        pending = list(values)
        for value in pending:
            if id(value) in seen:
                continue
            seen.add(id(value))
            if not isinstance(value, Product):
                pending.extend(parts(value))
                continue
            call = value.call
            if call.name in _MOMENTS or call.name.endswith("fused_batch_norm"):
                found.moments.append(call)
            elif short(call.name) in VARIABLES or call.name == ".average":
                found.averages.append(value)
            elif short(call.name) not in _NORMALIZING:
                if is_condition(call):
                    found.conditions.append(call)
                pending.extend(inputs(call))
        return found


def decided(test: Value | None, when_true: bool) -> Mode:
    """The mode of what a condition builds: training where the test holds, or where it does not."""
    mode = mode_of(test, False)
    if mode.source is Source.FED and not when_true:
        return Mode(Source.FED, tensor=mode.tensor, inverted=not mode.inverted)
    if mode.source is Source.FIXED and test is not None:
        return Mode(Source.FIXED, mode.fixed is when_true)
    return mode


def _assigns(call: Call) -> bool:
    if short(call.name) in ASSIGNMENTS or call.name in ASSIGNING_METHODS:
        return True
    return call.name == ".apply" and isinstance(call.receiver, Product) and call.receiver.call.name in _AVERAGES


def _assigned(call: Call) -> tuple[Value | None, Value | None]:
    """What an assignment takes, and the variable."""
    positions = ASSIGNMENTS.get(short(call.name))
    if positions is not None:
        return call.argument(positions[1], "value"), call.argument(positions[0], "ref", "variable")
    if call.name == ".apply":
        return call.argument(0, "var_list"), call.receiver
    return call.argument(0, "value", "delta"), call.receiver


def over_batch(moments: Call) -> bool | None:
    """Whether moments are taken over the samples of a batch; `None` if that is not known."""
    if moments.name.endswith("fused_batch_norm"):
        return True
    axes = moments.argument(1, "axes", "axis")
    if isinstance(axes, Known):
        return bool(axes.value == 0)
    if isinstance(axes, Items) and axes.whole:
        known = [each.value for each in axes.items if isinstance(each, Known)]
        return 0 in known if len(known) == len(axes.items) else None
    while isinstance(axes, Product) and axes.call.name in ("builtins.list", "builtins.tuple") and axes.call.arguments:
        axes = axes.call.arguments[0]
    if isinstance(axes, Product) and axes.call.name == "builtins.range" and len(axes.call.arguments) == 1:
        return True
    return None
