"""The verdicts of the table, which every framework has to come to for the same mistake, in TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

v1 = tf.compat.v1
TABLE = json.loads((Path(__file__).parents[2] / "data" / "verdicts.json").read_text())["mistakes"]
DECAY = {"momentum of the other framework": 0.01, "average too slow": 0.999}


def trained(lab: Any, mistake: str) -> Any:
    def twice(x: Any, mode: Any, normalize: Any) -> Any:
        with v1.variable_scope("net"):
            first = lab.logits(x, mode, normalize)
        with v1.variable_scope("net", reuse=True):
            return first + lab.logits((1.0 - x) * 3.0 + 2.0, mode, normalize)

    net = lab.build(
        lab.by_contrib(decay=DECAY.get(mistake, 0.9)),
        network=twice if mistake == "shared by two inputs" else lab.logits,
        mode=(lambda: True) if mistake == "training mode written down" else None,
    )
    return lab.train(net, feed={net.mode: False} if mistake == "trained in inference mode" else None)


@pytest.mark.parametrize("mistake", TABLE)
def test_the_verdict_of_the_table(lab: Any, assert_verdict: Any, mistake: str) -> None:
    shared = {"none": lab.healthy, "statistics lost": lab.healthy, "updates not run": lab.stale}
    net = shared[mistake]() if mistake in shared else trained(lab, mistake)
    if mistake == "statistics lost":
        for name in ("norm", "inner_norm", "hidden_norm"):
            for kind, start in (("mean", 0), ("variance", 1)):
                variable = f"{name}/moving_{kind}"
                net.assign({variable: np.full_like(net.value(variable), start)})
    fed = {net.mode: False} if mistake == "trained in inference mode" else None
    report = lab.diagnose(net, training_feed=fed)
    assert_verdict(report, mistake)
