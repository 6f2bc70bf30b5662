"""What an exported signature gives: the classes of tf.estimator.export, each knowing its SignatureDef."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

_DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


class ExportOutput:
    """One signature's outputs. A subclass of your own gives `signature`.

    Source: tf.estimator.export.ExportOutput.
    """

    def signature(self, inputs: Mapping[str, Any]) -> Any:
        """The SignatureDef from the receiver tensors `inputs` (name → tensor) to these outputs."""
        raise NotImplementedError(f"{type(self).__qualname__} does not say its signature; define signature(inputs)")


class PredictOutput(ExportOutput):
    """Any outputs by name.

    Arguments:
        outputs: name → tensor; a single tensor is called `output`.
    """

    def __init__(self, outputs: Any) -> None:
        self.outputs: dict[str, Any] = dict(outputs) if isinstance(outputs, Mapping) else {"output": outputs}
        if not self.outputs:
            raise ValueError("PredictOutput has no outputs; expected a tensor or a dict with at least one")
        for name, tensor in self.outputs.items():
            if not isinstance(name, str) or not tf.is_tensor(tensor):
                raise ValueError(f"PredictOutput has {name!r}: {tensor!r}; expected a name and a tensor")

    def signature(self, inputs: Mapping[str, Any]) -> Any:
        """A signature of the method `tensorflow/serving/predict`."""
        return _signatures().predict_signature_def(dict(inputs), self.outputs)


class ClassificationOutput(ExportOutput):
    """Classes of serialized tf.train.Examples.

    Arguments:
        scores: float (N, classes), or None.
        classes: string (N, classes), or None.
    """

    def __init__(self, scores: Any = None, classes: Any = None) -> None:
        if scores is None and classes is None:
            raise ValueError("ClassificationOutput has neither scores nor classes; expected at least one")
        if scores is not None and not (tf.is_tensor(scores) and scores.dtype.is_floating):
            raise ValueError(f"ClassificationOutput has the scores {scores!r}; expected a tensor of floats")
        if classes is not None and not (tf.is_tensor(classes) and classes.dtype == tf.string):
            raise ValueError(
                f"ClassificationOutput has the classes {classes!r}; expected a tensor of strings: use tf.as_string, "
                "or a PredictOutput for class numbers"
            )
        self.scores = scores
        self.classes = classes

    def signature(self, inputs: Mapping[str, Any]) -> Any:
        """A signature of the method `tensorflow/serving/classify`."""
        return _signatures().classification_signature_def(_examples(inputs, self), self.classes, self.scores)


class RegressionOutput(ExportOutput):
    """Values of serialized tf.train.Examples.

    Arguments:
        value: float (N,) or (N, 1).
    """

    def __init__(self, value: Any) -> None:
        if not (tf.is_tensor(value) and value.dtype.is_floating):
            raise ValueError(f"RegressionOutput has the value {value!r}; expected a tensor of floats")
        self.value = value

    def signature(self, inputs: Mapping[str, Any]) -> Any:
        """A signature of the method `tensorflow/serving/regress`."""
        return _signatures().regression_signature_def(_examples(inputs, self), self.value)


def check_export_outputs(outputs: Mapping[str, ExportOutput]) -> dict[str, ExportOutput]:
    """The outputs with one of them under the default serving key; a single one is put there as well.

    Raises:
        TypeError: not a dict of ExportOutputs.
        ValueError: empty, or several and none is the default.
    """
    if not isinstance(outputs, Mapping):
        raise TypeError(f"export_outputs is {outputs!r}; expected a dict of signature name → ExportOutput")
    for name, output in outputs.items():
        if not isinstance(output, ExportOutput):
            raise TypeError(
                f"export_outputs[{name!r}] is {output!r}; expected a PredictOutput, ClassificationOutput or "
                "RegressionOutput: wrap the tensors in one"
            )
    result = dict(outputs)
    if _DEFAULT not in result:
        if len(result) != 1:
            raise ValueError(
                f"export_outputs has the signatures {sorted(result)} and no default; expected one of them under "
                f"tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY ({_DEFAULT!r})"
            )
        result[_DEFAULT] = next(iter(result.values()))
    return result


def _examples(inputs: Mapping[str, Any], output: ExportOutput) -> Any:
    tensor = next(iter(inputs.values()))
    if len(inputs) != 1 or tensor.dtype != tf.string:
        raise ValueError(
            f"a {type(output).__qualname__} was asked for with the receiver tensors {sorted(inputs)}; expected a "
            "single tensor of strings, the serialized tf.train.Examples: use a PredictOutput for other inputs"
        )
    return tensor


def _signatures() -> Any:
    return tf.compat.v1.saved_model.signature_def_utils
