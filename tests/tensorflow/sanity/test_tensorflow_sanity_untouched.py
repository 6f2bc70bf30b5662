"""A sanity test leaves the session's graph, variables and random states as they were; and what it says in words."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import steadynorm
from steadynorm.errors import UnusableInputError

v1 = tf.compat.v1


def state(subject: Any) -> Any:
    """All that could change, in a form that can be compared."""
    session, graph = subject.session, subject.session.graph
    variables = graph.get_collection("variables")
    default = v1.get_default_graph()
    return (
        {each.name: value.tobytes() for each, value in zip(variables, session.run(variables), strict=True)},
        [each.name for each in graph.get_operations()],
        {str(key): len(graph.get_collection(key)) for key in graph.get_all_collection_keys()},
        graph.finalized,
        graph.version,
        (default, len(default.get_operations())) if not tf.executing_eagerly() else None,
        random.getstate(),
        [part.tobytes() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],  # noqa: NPY002
    )


def noisy(sanity: Any) -> Any:
    """A network whose graph draws from NumPy and from TensorFlow."""

    def network(x: Any, mode: Any) -> Any:
        def noise() -> Any:
            return np.float32(1e-3 * np.random.standard_normal())  # noqa: NPY002 - as a user would

        drawn = tf.reshape(v1.py_func(noise, [], tf.float32), ())
        return sanity.normalized(x + drawn, mode) + v1.random_normal((10,), stddev=1e-3, name="drawn")

    return network


@pytest.mark.parametrize("finalized", [False, True], ids=["open", "finalized"])
def test_everything_is_as_before(sanity: Any, finalized: bool) -> None:
    subject = sanity.subject(noisy(sanity), optimizer=sanity.adam(1e-7))
    if finalized:
        subject.session.graph.finalize()
    before = state(subject)

    # Too short a time to fit anything, so that everything is tried.
    sanity.report(subject, losses=[2.0, 9.0] * 20, seconds=2)

    assert state(subject) == before


def test_the_random_numbers_of_the_session_go_on(sanity: Any) -> None:
    """What the session draws next is what it draws without a sanity test."""
    drawn = []
    for tested in (False, True):
        subject = sanity.subject(noisy(sanity))
        number = subject.session.graph.get_tensor_by_name("drawn:0")
        subject.session.run(number)
        if tested:
            sanity.report(subject, seconds=1)
        drawn.append(subject.session.run(number).tobytes())

    assert drawn[0] == drawn[1]


def failing(sanity: Any) -> Any:
    def train_op(loss: Any) -> Any:
        """Moves everything, and then finds fault with the loss."""
        with tf.control_dependencies([v1.train.AdamOptimizer(1e-2).minimize(loss)]):
            return v1.Assert(loss > 1e9, ["no step today", loss])

    return sanity.subject(noisy(sanity), train_op=train_op)


def test_a_train_op_that_fails_is_named_and_leaves_everything_as_it_was(sanity: Any) -> None:
    subject = failing(sanity)
    before = state(subject)

    with pytest.raises(UnusableInputError, match=r"train_op raised InvalidArgumentError: .*no step today"):
        sanity.report(subject)

    assert state(subject) == before


def test_a_loss_that_fails_leaves_everything_as_it_was(sanity: Any) -> None:
    def loss(output: Any, target: Any) -> float:
        raise KeyError("no loss today")

    subject = sanity.subject(noisy(sanity), optimizer=sanity.adam())
    names = ("session", "inputs", "labels", "mode", "output", "train_op", "train_data")
    # The train op belongs to another graph of outputs, so that the loss has to be asked for.
    given = type(subject)(**{**{name: getattr(subject, name) for name in names}, "loss": loss})
    before = state(subject)

    with pytest.raises(UnusableInputError, match=r"loss\(output, target\) raised KeyError: 'no loss today'"):
        sanity.report(given)

    assert state(subject) == before


def test_data_that_do_not_fit_leave_everything_as_it_was(sanity: Any) -> None:
    subject = sanity.subject(noisy(sanity), train_data=[(x.reshape(-1, 64), y) for x, y in sanity.train_data])
    before = state(subject)

    with pytest.raises(UnusableInputError, match=r"the graph refuses a batch .*\(64, 64\)"):
        sanity.report(subject)

    assert state(subject) == before


def test_a_device_and_another_subject_are_refused(sanity: Any) -> None:
    subject = sanity.subject(sanity.linear)

    with pytest.raises(UnusableInputError, match="device='cpu'"):
        sanity.report(subject, device="cpu")
    with pytest.raises(UnusableInputError, match=r"expected a steadynorm.tensorflow.GraphSubject"):
        sanity.report(steadynorm.Subject(subject.model, sanity.train_data))


def test_time_is_kept(sanity: Any) -> None:
    experiments = sanity.report(sanity.subject(sanity.normalized, optimizer=sanity.adam(1e-7)), seconds=2)

    # A step that has begun is finished, and the first pass, the floor and the first steps come in any case.
    assert experiments.evidence.experiments.seconds < 2 + 20


SUBJECT = """
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from steadynorm.tensorflow import GraphSubject

v1 = tf.compat.v1


def subject():
    images, labels = load_digits(return_X_y=True)
    by_class = np.argsort(labels, kind="stable")
    x, y = (images[by_class] / 16).astype("float32"), labels[by_class]
    batches = [(x[at : at + 64], y[at : at + 64]) for at in range(0, 1280, 64)]
    with tf.Graph().as_default():
        inputs, labels = v1.placeholder(tf.float32, [None, 64]), v1.placeholder(tf.int64, [None])
        output = tf.matmul(inputs, v1.get_variable("head", [64, 10]))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=output))
        session = v1.Session()
        session.run(v1.global_variables_initializer())
    return GraphSubject(session=session, inputs=inputs, labels=labels, output=output, loss=loss, train_data=batches)
"""


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "train_digits.py").write_text(SUBJECT)
    np.savetxt(tmp_path / "loss.csv", 2.3 * np.exp(-np.arange(60) / 10))

    command = [sys.executable, "-m", "steadynorm", "sanity", "train_digits.py:subject", "--losses", "loss.csv"]
    done = subprocess.run(
        [*command, "--select", "SN904,SN906"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stderr
    assert "SN906 data-order" in done.stdout
    assert "recorded loss" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
