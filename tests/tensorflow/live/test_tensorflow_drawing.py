"""The graph of a session drawn: the way from the train op to the updates, the missing one, health, and no new node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import steadynorm
from steadynorm.drawing.drawing import MISSING, PATH, Drawing
from steadynorm.drawing.drawn import Drawn
from steadynorm.drawing.reading import read

v1 = tf.compat.v1
LAYERS = ["norm", "inner_norm", "hidden_norm"]


def drawn(lab: Any, net: Any) -> Drawn:
    return steadynorm.draw(lab.subject(net), progress=False)


def health(drawing: Drawing) -> dict[str, str]:
    return {drawing.items[at].layer: drawing.items[at].health for at in drawing.sites}


def kinds(drawing: Drawing, kind: int) -> int:
    return sum(bool(each & kind) for *_, each in drawing.edges)


def test_healthy_graph_has_ways_to_the_updates_and_none_is_missing(lab: Any) -> None:
    found = drawn(lab, lab.healthy())

    assert health(found.drawing) == dict.fromkeys(LAYERS, "healthy")
    assert kinds(found.drawing, PATH) > 0
    assert kinds(found.drawing, MISSING) == 0


def test_train_op_without_the_updates_misses_the_way(lab: Any) -> None:
    found = drawn(lab, lab.stale())

    assert health(found.drawing) == dict.fromkeys(LAYERS, "error")
    # A mean and a variance of each layer.
    assert kinds(found.drawing, MISSING) == 2 * len(LAYERS)


def test_layer_with_a_damaged_statistic_is_an_error(lab: Any) -> None:
    net = lab.healthy()
    damaged = net.value("inner_norm/moving_variance").copy()
    damaged[3] = np.nan
    net.assign({"inner_norm/moving_variance": damaged})
    found = drawn(lab, net)

    assert health(found.drawing)["inner_norm"] == "error"
    assert health(found.drawing)["norm"] == "healthy"


def test_session_is_drawn_as_its_file_is(lab: Any, tmp_path: Any) -> None:
    net = lab.healthy()
    with net.graph.as_default():
        v1.train.export_meta_graph(str(tmp_path / "model.ckpt.meta"))
    of_file, of_session = read(str(tmp_path / "model.ckpt.meta")).drawing, drawn(lab, net).drawing

    assert [item.name for item in of_session.items] == [item.name for item in of_file.items]
    assert of_session.edges == of_file.edges


@pytest.mark.parametrize("raises", [False, True])
def test_session_and_graph_are_left_as_they_were(lab: Any, raises: bool) -> None:
    net = lab.healthy()
    variables = net.graph.get_collection("variables")

    def state() -> Any:
        values = [each.tobytes() for each in net.session.run(variables)]
        return values, net.graph.version, [each.name for each in net.graph.get_operations()]

    before = state()
    data = [(np.zeros((8, 3, 3, 1), np.float32), np.zeros(8, np.int64))]
    if raises:
        with pytest.raises(steadynorm.UnusableInputError, match="the graph refuses a batch"):
            steadynorm.draw(lab.subject(net), data, progress=False)
    else:
        drawn(lab, net)
    assert state() == before
