"""Train steps that a program makes and does not run: whoever calls its builder does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from steadynorm.source.symbolic.flow import inputs, inside
from steadynorm.source.symbolic.trace import Call, Run
from steadynorm.source.symbolic.values import Product, Value
from steadynorm.source.tensorflow.reach import Reach
from steadynorm.source.tensorflow.runs import Purpose, Session, Step
from steadynorm.source.tensorflow.scopes import control_inputs


def run_elsewhere(run: Run, reach: Reach, steps: Iterable[Step], sessions: Iterable[Session]) -> list[Session]:
    """What somebody else must run to train: the steps that nothing here runs, with all that is made of them.

    Arguments:
        run: the run that makes the steps.
        reach: its dependencies.
        steps: all its steps.
        sessions: what it runs itself.
    """
    left = [step for step in steps if not any(step.call in each.reached for each in sessions)]
    found = []
    for step in left:
        fetches = tuple(_made_of(step, run))
        found.append(Session(step.call, fetches, reach.of(*fetches), None, Purpose.TRAIN, elsewhere=True))
    return found


def _made_of(step: Step, run: Run) -> Iterator[Value]:
    """What a step gives, and what waits for it or takes it in, as `tf.group(train_op, update_ops)`."""
    made: set[int] = set()
    for call in run.calls():
        if (call is step.call or _takes(call, made)) and call.result is not None:
            made.add(call.index)
            yield call.result


def _takes(call: Call, made: set[int]) -> bool:
    if not made:
        return False
    given = inside(*inputs(call), *control_inputs(call))
    return any(isinstance(value, Product) and value.call.index in made for value in given)
