"""SN9 in graphs: the loss that the network is trained by."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.registry import check, finding
from steadynorm.evidence import Evidence
from steadynorm.finding import Certainty, Finding


@check("SN908", "graph", layers=False)
def broadcast_in_the_loss(evidence: Evidence) -> Iterator[Finding]:
    """The loss subtracts a row from a column, and broadcasting makes a matrix of them."""
    graph = evidence.graph
    assert graph is not None
    for each in graph.broadcasts:
        prediction, target, result = map(_words, (each.prediction_shape, each.target_shape, each.shape))
        wide = len(each.prediction_shape) == 2
        yield finding(
            "SN908",
            (),
            f"the loss subtracts the target '{each.target}' {target} and the prediction '{each.prediction}' "
            f"{prediction}: '{each.node}' has the shape {result} and compares each prediction with every target",
            f"Give both one shape before the loss: {'tf.squeeze(prediction, 1)' if wide else 'prediction[:, None]'}, "
            f"or {'labels[:, None]' if wide else 'tf.squeeze(labels, 1)'}.",
            evidence={
                "node": each.node,
                "prediction": each.prediction,
                "prediction_shape": list(each.prediction_shape),
                "target": each.target,
                "target_shape": list(each.target_shape),
                "shape": list(each.shape),
                "train_step": each.step,
            },
            certainty=Certainty.PROVEN if each.same_batch else Certainty.LIKELY,
            settle=None if each.same_batch else "the shapes of both when it runs: tf.shape() of each",
        )


def _words(shape: tuple[int, ...]) -> str:
    sizes = ["?" if size < 0 else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
