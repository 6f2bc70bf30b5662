"""What a fix is said to mend is mended where the program runs: measured before and after, in what the program fetches.

Nothing here asks the checks: the facts are read off TensorFlow's own graph, fetches, feeds and savers.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tensorflow as tf

pytest.importorskip("tf_slim")

v1 = tf.compat.v1
TESTS = Path(__file__).parents[2]
APPLIES = ("ApplyAdam", "ApplyGradientDescent", "ApplyMomentum", "ApplyRMSProp", "ApplyAdagrad")
MOVING = ("moving_mean", "moving_variance")


@dataclass
class Fetch:
    """One thing that a program runs: the operations that it takes, and what is fed."""

    operations: dict[str, tf.Operation]
    feeds: dict[str, Any]
    graph: tf.Graph

    @property
    def trains(self) -> bool:
        """Whether weights are changed by gradients."""
        return any(each.type.removeprefix("Resource").startswith(APPLIES) for each in self.operations.values())

    @property
    def collected(self) -> frozenset[str]:
        """What the graph collects to be run with the training."""
        return frozenset(each.name.partition(":")[0] for each in self.graph.get_collection(v1.GraphKeys.UPDATE_OPS))

    @property
    def updates(self) -> frozenset[str]:
        """What of it is run."""
        return self.collected & self.operations.keys()

    @property
    def by_batch(self) -> bool:
        """Whether moments of the batch are taken: where a condition decides, by what is fed."""
        return any(_takes_moments(each) and self._is_taken(each) for each in self.operations.values())

    def _is_taken(self, operation: tf.Operation) -> bool:
        """Whether an operation stands in no condition's branch, or in the one that is taken."""
        seen, pending = set(), [operation]
        for each in pending:
            for value in each.inputs:
                if value.op.type in ("Switch", "RefSwitch"):
                    return self._value(value.op.inputs[1]) is bool(value.value_index)
                if value.op.type != "Merge" and value.op.name not in seen:
                    seen.add(value.op.name)
                    pending.append(value.op)
        return True

    def _value(self, switch: tf.Tensor) -> bool:
        while switch.op.type == "Identity":
            switch = switch.op.inputs[0]
        default = tf.get_static_value(switch.op.inputs[0]) if switch.op.inputs else None
        return bool(self.feeds.get(switch.name, default))


def _takes_moments(operation: tf.Operation) -> bool:
    if operation.type.startswith("FusedBatchNorm"):
        return bool(operation.get_attr("is_training"))
    return operation.type == "SquaredDifference" and "moments" in operation.name


def _flat(fetched: Any) -> Iterator[Any]:
    if isinstance(fetched, dict):
        fetched = list(fetched.values())
    if isinstance(fetched, list | tuple):
        for each in fetched:
            yield from _flat(each)
    elif isinstance(fetched, tf.Tensor):
        yield fetched.op
    elif isinstance(fetched, tf.Operation):
        yield fetched


def _behind(operations: Iterator[tf.Operation]) -> dict[str, tf.Operation]:
    """All that has to run for some operations, themselves among it."""
    found: dict[str, tf.Operation] = {}
    pending = list(operations)
    while pending:
        each = pending.pop()
        if each.name not in found:
            found[each.name] = each
            pending += [*(value.op for value in each.inputs), *each.control_inputs]
    return found


@pytest.fixture(autouse=True)
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Conditions and variables of TensorFlow 1, in a folder that programs may write to."""
    functional, resources = v1.control_flow_v2_enabled(), v1.resource_variables_enabled()
    v1.disable_control_flow_v2()
    v1.disable_resource_variables()
    monkeypatch.chdir(tmp_path)
    level = tf.get_logger().level
    tf.get_logger().setLevel(logging.ERROR)
    yield
    tf.get_logger().setLevel(level)
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    (v1.enable_resource_variables if resources else v1.disable_resource_variables)()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[ModuleType]:
    """What runs programs of TensorFlow 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TESTS / "agreement")
        yield importlib.import_module("stand_in.programs")
        for name in [name for name in sys.modules if name.split(".")[0] == "stand_in"]:
            del sys.modules[name]


def _fetches(built: Any) -> list[Fetch]:
    found = []
    for graph, fetched, fed in built.runs:
        feeds = {each.name: value for each, value in fed.items() if isinstance(each, tf.Tensor)}
        operations = _behind(_flat(fetched))
        if operations:
            found.append(Fetch(operations, feeds, graph))
    return found


def _updated(built: Any) -> bool:
    """Every training step runs updates, and all steps of a graph together run all of them."""
    trainings = [each for each in _fetches(built) if each.trains]
    run = frozenset[str]().union(*(each.updates for each in trainings))
    return bool(trainings) and all(each.updates and each.collected <= run for each in trainings)


def _asked_in_inference_mode(built: Any) -> bool:
    """Whatever is run without training normalizes by the statistics."""
    asked = [each for each in _fetches(built) if not each.trains and _normalizes(each)]
    return bool(asked) and not any(each.by_batch for each in asked)


def _trained_in_training_mode(built: Any) -> bool:
    trainings = [each for each in _fetches(built) if each.trains]
    return bool(trainings) and all(each.by_batch for each in trainings)


def _normalizes(each: Fetch) -> bool:
    return any("atch" in name and "orm" in name for name in each.operations)


def _mode_reaches_the_layers(built: Any) -> bool:
    return _asked_in_inference_mode(built) and _trained_in_training_mode(built)


def _statistics_saved(built: Any) -> bool:
    """Whoever makes a saver says what it saves, and the statistics are in it."""
    return bool(built.lists) and all(
        given is not None and all(any(each in variable.op.name for variable in given) for each in MOVING)
        for given in built.lists
    )


FACTS: dict[str, Callable[[Any], bool]] = {
    "SN101": _updated,
    "SN102": _updated,
    "SN201": _asked_in_inference_mode,
    "SN202": _trained_in_training_mode,
    "SN205": _mode_reaches_the_layers,
    "SN301": _statistics_saved,
    "SN303": _statistics_saved,
}
NOT_RUN = {
    "SN101/tf_always_by_batch": "the session is that of a tf.train.Supervisor, which the stand-in has not",
    "SN101/tf_nasnet_plain_minimize": "tf_slim, as it is published, has none of slim's networks",
    "SN101/tf_network_of_slim": "tf_slim, as it is published, has none of slim's networks",
    "SN201/tf_factory_one_image": "tf_slim, as it is published, has none of slim's networks",
    "SN205/tf_mobilenet_scope_without_the_mode": "tf_slim, as it is published, has none of slim's networks",
}
"""Fixtures whose fact cannot be seen here, and why."""

CALLERS = {
    "SN101/tf_network_run_by_a_function": """
import numpy as np
from types import SimpleNamespace

x, y = np.zeros((8, 10)), np.zeros((8, 1))
run(SimpleNamespace(train=[(x, y)], x=x))
""",
    "SN102/tf_read_between_layers_of_a_builder": """
images, labels = tf.placeholder(tf.float32, [None, 8, 8, 3]), tf.placeholder(tf.int32, [None])
train_op = build_train_op(images, labels, True, 0.1)
with tf.Session() as sess:
    sess.run(train_op)
""",
    "SN202/tf_trainable_in_a_builder": """
images, masks = tf.placeholder(tf.float32, [None, 8, 8, 3]), tf.placeholder(tf.int32, [None, 8, 8, 1])
train_op, loss = build_unet(images, masks, True)
with tf.Session() as sess:
    sess.run(train_op)
""",
    "SN205/tf_restored_in_the_other_branch": """
with tf.Graph().as_default():
    FLAGS.mode = 'eval'
    main(None)
""",
}
"""By fixture that only builds what somebody else runs, or that does one thing of two: how the rest is done."""


def _cases() -> list[Path]:
    found = sorted(each for code in FACTS for each in (TESTS / "source" / code).glob("tf_*.fixed.py"))
    return [each for each in found if _name(each) not in NOT_RUN]


def _name(case: Path) -> str:
    return f"{case.parent.name}/{case.name.removesuffix('.fixed.py')}"


@pytest.mark.parametrize("case", _cases(), ids=_name)
def test_fact_holds_after_the_fix_and_not_before(case: Path, stand_in: ModuleType, tmp_path: Path) -> None:
    holds = FACTS[case.parent.name]
    broken = case.with_name(case.name.replace(".fixed", ""))
    if _name(case) in CALLERS:
        broken, case = (_called(each, tmp_path) for each in (broken, case))

    assert not holds(stand_in.Program(broken, tmp_path).run())
    assert holds(stand_in.Program(case, tmp_path).run())


def _called(case: Path, folder: Path) -> Path:
    """A program with what it leaves to others."""
    name = case.name.removesuffix(".py").removesuffix(".fixed")
    program = folder / case.name
    program.write_text(case.read_text() + CALLERS[f"{case.parent.name}/{name}"])
    return program


def test_table_names_fixtures_that_are_there() -> None:
    assert all((TESTS / "source" / f"{name}.fixed.py").exists() for name in (*NOT_RUN, *CALLERS))
