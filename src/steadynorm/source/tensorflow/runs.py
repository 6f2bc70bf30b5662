"""What a program trains with, and what it lets a session or an estimator run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from steadynorm.source.symbolic.trace import Call, Callback, Run
from steadynorm.source.symbolic.values import Attribute, Known, Product, Table, Value
from steadynorm.source.tensorflow.mode import EVAL, PREDICT, TRAIN, feeds_of, is_reached, key_of
from steadynorm.source.tensorflow.reach import Reach, Reached
from steadynorm.source.tensorflow.words import short

MINIMIZE, APPLY, CREATE = "minimize", "apply", "create"
_STEPS = {
    ".minimize": MINIMIZE,
    ".apply_gradients": APPLY,
    "slim.learning.create_train_op": CREATE,
    "slim.training.create_train_op": CREATE,
    "tensorflow.contrib.training.create_train_op": CREATE,
    "tensorflow.contrib.layers.optimize_loss": CREATE,
    "contrib.optimize_loss": CREATE,
}
_GRADIENTS = (".compute_gradients", "tensorflow.gradients")

_TRAINERS = ("slim.learning.train", "tensorflow.contrib.training.train")
_EVALUATORS = {
    "slim.evaluation.evaluate_once": ("eval_op", "final_op"),
    "slim.evaluation.evaluation_loop": ("eval_op", "final_op"),
    "tensorflow.contrib.training.evaluate_once": ("eval_ops", "final_ops"),
    "tensorflow.contrib.training.evaluate_repeatedly": ("eval_ops", "final_ops"),
}
_SPECS = (
    "tensorflow.estimator.EstimatorSpec",
    "tensorflow.contrib.tpu.TPUEstimatorSpec",
    "tensorflow.estimator.tpu.TPUEstimatorSpec",
    "tensorflow.contrib.learn.ModelFnOps",
)


class Purpose(StrEnum):
    """What something is run for."""

    TRAIN = "train"
    INFER = "infer"
    UNKNOWN = "unknown"


@dataclass(slots=True, eq=False)
class Step:
    """What trains: a call of minimize(), apply_gradients() or create_train_op().

    Arguments:
        call: the call.
        kind: which of them it is.
        data: what its loss or gradients are computed from.
        variables: the variables that it is told to train; `None` for all.
    """

    call: Call
    kind: str
    data: Reached
    variables: Value | None = None


@dataclass(slots=True, eq=False)
class Session:
    """Something that is run: fetches of a session, a training loop of slim's, one mode of an estimator.

    Arguments:
        call: the call that runs it.
        fetches: what is fetched.
        reached: what runs for that.
        feeds: what is fed; `None` if it is not known.
        purpose: what it is known to be for, whatever is fetched.
        estimator: of an estimator's: its mode.
        elsewhere: whether nothing here runs it, and somebody else must, who feeds it what training takes.
    """

    call: Call
    fetches: tuple[Value, ...]
    reached: Reached
    feeds: Mapping[object, Value] | None = field(default_factory=dict)
    purpose: Purpose = Purpose.UNKNOWN
    estimator: str | None = None
    elsewhere: bool = False


def steps_of(run: Run, reach: Reach) -> list[Step]:
    """What trains in a run."""
    found = []
    for call in run.calls():
        kind = _STEPS.get(short(call.name)) or _STEPS.get(call.name)
        if kind is None or call.name.startswith("scipy"):
            continue
        position = 0
        loss = call.argument(position, "loss", "total_loss", "grads_and_vars")
        variables = call.argument(None, "var_list", "variables_to_train", "variables")
        if kind is MINIMIZE and variables is None:
            variables = call.argument(2)
        if variables == Known(None):
            variables = None
        if kind is APPLY and variables is None:
            variables = _differentiated(reach.of(loss, data=True))
        found.append(Step(call, kind, reach.of(loss, data=True), variables))
    return found


def _differentiated(reached: Reached) -> Value | None:
    for call in reached.calls.values():
        if call.name == ".compute_gradients":
            return call.argument(1, "var_list")
        if call.name == "tensorflow.gradients":
            return call.argument(1, "xs")
    return None


def gradients_of(reached: Reached) -> list[Call]:
    """The calls that take gradients."""
    return [call for call in reached.calls.values() if call.name in _GRADIENTS]


def sessions_of(run: Run, reach: Reach) -> list[Session]:
    """What a run lets run, in the program's order."""
    return [each for call in run.calls() for each in _sessions(call, reach)]


def _sessions(call: Call, reach: Reach) -> Iterator[Session]:
    name = short(call.name)
    if name in (".run", ".eval", ".partial_run"):
        yield from _fetched(call, reach)
    elif name == "tensorflow.train.SessionRunArgs":
        # What a hook fetches beside everything else that is run.
        fetches = call.argument(0, "fetches")
        if fetches is not None:
            yield Session(call, (fetches,), reach.of(fetches), None)
    elif name in _TRAINERS:
        step = call.argument(0, "train_op")
        if step is not None:
            yield Session(call, (step,), reach.of(step), purpose=Purpose.TRAIN)
    elif name in _EVALUATORS:
        values = [call.argument(None, each) for each in _EVALUATORS[name]]
        known = tuple(each for each in values if each is not None)
        yield Session(call, known, reach.of(*known), purpose=Purpose.INFER)
    elif name in _SPECS:
        yield from _of_spec(call, reach)
    elif name == ".create_estimator_spec":
        yield from _of_head(call, reach)


def _fetched(call: Call, reach: Reach) -> Iterator[Session]:
    first = call.argument(0, "fetches")
    feed = call.argument(1, "feed_dict")
    receiver = call.receiver
    is_fetch = isinstance(first, Table) and "fetches" not in call.keywords and _is_feed(first)
    if first is None or is_fetch or call.name == ".eval":
        # op.run(feed_dict), tensor.eval(feed_dict): what is fetched stands before the dot.
        if receiver is None or (call.name == ".run" and not isinstance(receiver, Product)):
            return
        feed = call.argument(0, "feed_dict")
        yield Session(call, (receiver,), reach.of(receiver), feeds_of(feed))
        return
    if isinstance(receiver, Product) and receiver.call.name in ("subprocess.Popen", "docker.from_env"):
        return
    if isinstance(receiver, Attribute) and receiver.name in ("app", "server"):
        return
    yield Session(call, (first,), reach.of(first), None if call.more else feeds_of(feed))


def _is_feed(table: Table) -> bool:
    """Whether a dict is one of placeholders, and not of what is fetched by names."""
    return any(isinstance(key, Value) for key in table.entries)


def _of_spec(call: Call, reach: Reach) -> Iterator[Session]:
    """What an estimator runs with a specification, in each mode that may come to it."""
    mode = call.argument(0, "mode")
    named = key_of(mode) if mode is not None else None
    for each, names in ((TRAIN, ("train_op",)), (EVAL, ("loss", "eval_metric_ops")), (PREDICT, ("predictions",))):
        if named not in (None, each) or not is_reached(call, each):
            continue
        position = {"train_op": 3, "loss": 2, "predictions": 1, "eval_metric_ops": 4}
        values = tuple(
            value
            for name in names
            if (value := call.argument(position[name], name)) is not None and value != Known(None)
        )
        if values:
            purpose = Purpose.TRAIN if each == TRAIN else Purpose.INFER
            yield Session(call, values, reach.of(*values), purpose=purpose, estimator=each)


def _of_head(call: Call, reach: Reach) -> Iterator[Session]:
    """What an estimator runs with a head, which makes the train step itself."""
    mode, logits = call.argument(1, "mode"), call.argument(2, "logits")
    named = key_of(mode) if mode is not None else None
    for each in (TRAIN, EVAL, PREDICT):
        if logits is not None and named in (None, each) and is_reached(call, each):
            purpose = Purpose.TRAIN if each == TRAIN else Purpose.INFER
            yield Session(call, (logits,), reach.of(logits), purpose=purpose, estimator=each)


def estimator_of(call: Call) -> Call | None:
    """The call that an estimator's model function was handed to, around another call."""
    for block in call.within:
        if isinstance(block, Callback) and block.call is not None and "Estimator" in block.call.name:
            return block.call
    return None
