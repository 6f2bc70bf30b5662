"""What a diagnosis, a repair or an error leaves behind: the session's graph, variables and random states as before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import steadynorm
from steadynorm import UnusableInputError
from steadynorm.tensorflow import GraphSubject

v1 = tf.compat.v1


def state(net: Any) -> Any:
    """All that could change, in a form that can be compared."""
    variables = net.graph.get_collection("variables")
    values = {each.name: value.tobytes() for each, value in zip(variables, net.session.run(variables), strict=True)}
    operations = [each.name for each in net.graph.get_operations()]
    collections = {str(key): len(net.graph.get_collection(key)) for key in net.graph.get_all_collection_keys()}
    default = v1.get_default_graph()
    return (
        values,
        operations,
        collections,
        net.graph.finalized,
        net.graph.version,
        (default, len(default.get_operations())) if not tf.executing_eagerly() else None,
        random.getstate(),
        [part.tobytes() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],  # noqa: NPY002 - what is not to change,
    )


@contextmanager
def untouched(net: Any) -> Iterator[None]:
    before = state(net)
    yield
    assert state(net) == before


@pytest.mark.parametrize("finalized", [False, True], ids=["open", "finalized"])
def test_a_diagnosis_leaves_everything_as_it_was(lab: Any, finalized: bool) -> None:
    net = lab.train(lab.build(), epochs=1) if finalized else lab.healthy()
    if finalized:
        net.graph.finalize()
    with untouched(net):
        report = lab.diagnose(net)
    assert report.evidence.steps.parameters_moved


def test_a_repair_leaves_the_session_as_it_was(lab: Any, tmp_path: Path) -> None:
    net = lab.train(lab.build(), epochs=1)
    net.graph.finalize()
    with untouched(net):
        steadynorm.repair(lab.subject(net), tmp_path / "new.ckpt", progress=False)


def test_a_train_op_that_fails_leaves_everything_as_it_was(lab: Any) -> None:
    def failing(loss: Any, rate: float) -> Any:
        """Moves everything, and then finds fault with the loss."""
        with tf.control_dependencies([lab.minimized(loss, rate)]):
            return v1.Assert(loss > 1e9, [loss])

    net = lab.build(train_op=failing)
    with untouched(net), pytest.raises(UnusableInputError, match="train_op raised at batch 0"):
        lab.diagnose(net)


def test_a_metric_that_fails_leaves_everything_as_it_was(lab: Any) -> None:
    def metric(output: Any, target: Any) -> float:
        raise KeyError("top5")

    net = lab.healthy()
    with untouched(net), pytest.raises(UnusableInputError, match=r"metric\(output, target\) raised KeyError"):
        lab.diagnose(net, metric=metric)


def test_data_of_another_shape_are_refused(lab: Any) -> None:
    net = lab.healthy()
    flat = [(x.reshape(len(x), 64), y) for x, y in lab.train_data]
    with (
        untouched(net),
        pytest.raises(UnusableInputError, match=r"the graph refuses a batch \(x:0 of shape \(64, 64\)"),
    ):
        lab.diagnose(net, train_data=flat)


def test_data_with_nan_are_refused(lab: Any) -> None:
    x, y = lab.train_data[0]
    with pytest.raises(UnusableInputError, match="train_data holds 4096 values that are NaN or Inf"):
        lab.diagnose(lab.healthy(), train_data=[(np.full_like(x, np.nan), y)])


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ({"inputs": "x:0"}, r"get_tensor_by_name\('x:0'\)"),
        ({"inputs": {"image": "x"}}, r"get_tensor_by_name\('x:0'\)"),
        ({"labels": ["y:0"]}, r"get_tensor_by_name\('y:0'\)"),
        ({"mode": "mode"}, r"get_tensor_by_name\('mode:0'\)"),
        ({"output": "out:0"}, r"get_tensor_by_name\('out:0'\)"),
        ({"loss": "loss:0"}, r"get_tensor_by_name\('loss:0'\)"),
        ({"train_op": "train"}, r"get_operation_by_name\('train'\)"),
        ({"inference_feed": {"mode:0": False}}, r"get_tensor_by_name\('mode:0'\)"),
    ],
)
def test_names_in_place_of_tensors_are_refused(lab: Any, given: dict[str, Any], call: str) -> None:
    with pytest.raises(UnusableInputError, match=rf"{next(iter(given))} of the subject is a name, .*{call}"):
        lab.subject(lab.healthy(), **given)


def test_a_train_op_that_is_none_is_refused(lab: Any) -> None:
    with pytest.raises(UnusableInputError, match=r"train_op of the subject: expected a tf.Operation .* not float"):
        lab.subject(lab.healthy(), train_op=0.5)


@pytest.mark.parametrize("how", ["number", "list", "operation", "array"])
def test_an_output_that_is_no_tensor_is_refused(lab: Any, how: str) -> None:
    net = lab.healthy()
    loss = lab.subject(net).loss
    output = {"number": 0.5, "list": [loss], "operation": loss.op, "array": np.zeros(3)}[how]

    with pytest.raises(
        UnusableInputError, match=r"output of the subject is a .*; expected the one tensor of the graph"
    ):
        lab.subject(net, output=output)


def test_what_is_no_part_of_the_graph_is_refused(lab: Any) -> None:
    net = lab.healthy()
    with tf.Graph().as_default():
        other = v1.placeholder(tf.float32, (), "stranger")
    with pytest.raises(UnusableInputError, match="stranger:0 is no part of the graph of the session"):
        lab.subject(net, loss=other)
    with pytest.raises(UnusableInputError, match=r"session of the subject is a str; expected a tf.compat.v1.Session"):
        lab.subject(net, session="session")
    with pytest.raises(UnusableInputError, match="train_step was given for a TensorFlow graph"):
        lab.subject(net, train_step=print)
    with pytest.raises(UnusableInputError, match="nothing to compute"):
        GraphSubject(session=net.session, inputs=net.x, train_data=lab.train_data)
    with pytest.raises(UnusableInputError, match="device='cpu'"):
        steadynorm.diagnose(lab.subject(net), device="cpu", progress=False)
