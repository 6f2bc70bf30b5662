"""The learning phase of Keras that a graph is built in: a layer that is not told its mode keeps what was set then."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from steadynorm.source.switches import Switch, states_at
from steadynorm.source.symbolic.trace import Call, Run, With
from steadynorm.source.symbolic.values import Known, Product, Value
from steadynorm.source.tensorflow.mode import truth_of

_SET = ("keras.backend.set_learning_phase", "keras.set_learning_phase")
_SCOPE = "keras.backend.learning_phase_scope"


class Phases:
    """What a program sets the learning phase to.

    Arguments:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def at(self, call: Call) -> tuple[Call, Value] | None:
        """What has set the learning phase where a call is made, and to which value; `None` if nothing has.

        A value that is not known stands for one of several, of which it is not known which was set last.
        """
        for block in reversed(call.within):
            if isinstance(block, With) and isinstance(block.context, Product) and block.context.call.name == _SCOPE:
                return block.context.call, _value(block.context.call)
        states = tuple(states_at(call, self._switches))
        calls = [state.switch.call for state in states if state.switch is not None]
        if not calls:
            return None
        values = [_value(each) for each in calls]
        if len(calls) < len(states) or any(truth_of(each) is not truth_of(values[0]) for each in values):
            return calls[0], Product(calls[0])
        return calls[0], values[0]

    @cached_property
    def _switches(self) -> tuple[Switch, ...]:
        return tuple(_switches(self._run))


def _switches(run: Run) -> Iterator[Switch]:
    for call in run.calls():
        if call.name in _SET:
            yield Switch(call, truth_of(_value(call)) is True)


def _value(call: Call) -> Value:
    given = call.argument(0, "value")
    return given if given is not None else Known(None)
