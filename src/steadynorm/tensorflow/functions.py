"""A subject's losses and metrics that are functions of Python, called with arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from steadynorm.batches import inputs_and_target
from steadynorm.errors import UnusableInputError
from steadynorm.quoting import said
from steadynorm.tensorflow.graph_subject import GraphSubject


def called(subject: GraphSubject, name: str, output: Any, batch: Any) -> float:
    """What a function of the subject gives, as one number: the mean of several.

    Arguments:
        subject: whose function it is.
        name: `loss` or `metric`.
        output: the value of the subject's output, `None` without one.
        batch: that it was computed from.

    Raises:
        UnusableInputError: the function raised, or what it gave is no number.
    """
    try:
        return float(np.mean(getattr(subject, name)(output, inputs_and_target(batch)[1])))
    except Exception as error:
        raise UnusableInputError(
            f"{name}(output, target) raised {said(error)} (it is called with arrays: the value of the tensor output, "
            "and the second part of the batch)"
        ) from error
