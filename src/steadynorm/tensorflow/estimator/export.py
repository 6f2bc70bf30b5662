"""Names of tf.estimator.export, and how a model's inputs arrive where it is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from steadynorm.tensorflow.estimator.export_outputs import (
    ClassificationOutput,
    ExportOutput,
    PredictOutput,
    RegressionOutput,
)

__all__ = [
    "ClassificationOutput",
    "ExportOutput",
    "PredictOutput",
    "RegressionOutput",
    "ServingInputReceiver",
    "TensorServingInputReceiver",
    "build_parsing_serving_input_receiver_fn",
    "build_raw_serving_input_receiver_fn",
]


class _Receiver(NamedTuple):
    features: Any
    receiver_tensors: dict[str, Any]
    receiver_tensors_alternatives: dict[str, dict[str, Any]]


class ServingInputReceiver(_Receiver):
    """What a served model is fed, and the features that come of it.

    Source: tf.estimator.export.ServingInputReceiver.

    Arguments:
        features: what model_fn gets: a dict of tensors, in which a single tensor is called `feature`.
        receiver_tensors: the placeholders to feed: a tensor, or name → tensor; a single one is called `input`.
        receiver_tensors_alternatives: further sets of tensors between placeholders and features that can be fed
            instead, name → {name → tensor}; each makes signatures of its own.

    Raises:
        ValueError: a part is no tensor.
    """

    __slots__ = ()

    def __new__(
        cls,
        features: Any,
        receiver_tensors: Any,
        receiver_tensors_alternatives: Mapping[str, Any] | None = None,
    ) -> ServingInputReceiver:
        """Checks that all parts are tensors."""
        alternatives = {
            name: _named(tensors, f"receiver_tensors_alternatives[{name!r}]")
            for name, tensors in (receiver_tensors_alternatives or {}).items()
        }
        features = cls._features(features)
        return super().__new__(cls, features, _named(receiver_tensors, "receiver_tensors"), alternatives)

    @classmethod
    def _features(cls, features: Any) -> Any:
        return features if isinstance(features, Mapping) else {"feature": features}


class TensorServingInputReceiver(ServingInputReceiver):
    """A ServingInputReceiver for a model_fn whose features are a single tensor, not a dict: it gets the tensor itself.

    Source: tf.estimator.export.TensorServingInputReceiver.

    Arguments:
        features: a tensor.
        receiver_tensors, receiver_tensors_alternatives: as of ServingInputReceiver.

    Raises:
        ValueError: a part is no tensor, or the features are several.
    """

    __slots__ = ()

    @classmethod
    def _features(cls, features: Any) -> Any:
        if isinstance(features, Mapping):
            raise ValueError(
                f"features is {features!r}; expected a single tensor: use a ServingInputReceiver for several"
            )
        return features


def build_parsing_serving_input_receiver_fn(
    feature_spec: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """A serving_input_receiver_fn that is fed serialized tf.train.Examples, under the name `examples`.

    Source: tf.estimator.export.build_parsing_serving_input_receiver_fn.

    Arguments:
        feature_spec: as tf.io.parse_example takes it.
        default_batch_size: the number of examples; None for any.
    """

    def serving_input_receiver_fn() -> ServingInputReceiver:
        serialized = tf.compat.v1.placeholder(tf.string, [default_batch_size], name="input_example_tensor")
        return ServingInputReceiver(tf.io.parse_example(serialized, dict(feature_spec)), {"examples": serialized})

    return serving_input_receiver_fn


def build_raw_serving_input_receiver_fn(
    features: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """A serving_input_receiver_fn that is fed the features themselves, by their names.

    Source: tf.estimator.export.build_raw_serving_input_receiver_fn.

    Arguments:
        features: name → a tensor of which the type and, but for axis 0, the shape are taken.
        default_batch_size: length of axis 0; None for any.
    """
    # Only types and shapes outlive this call: the tensors are of another graph than the one that is exported.
    wanted = {
        name: (tensor.dtype, [default_batch_size, *tensor.shape.as_list()[1:]]) for name, tensor in features.items()
    }

    def serving_input_receiver_fn() -> ServingInputReceiver:
        fed = {name: tf.compat.v1.placeholder(dtype, shape, name=name) for name, (dtype, shape) in wanted.items()}
        return ServingInputReceiver(dict(fed), fed)

    return serving_input_receiver_fn


def _named(tensors: Any, what: str) -> dict[str, Any]:
    named = dict(tensors) if isinstance(tensors, Mapping) else {"input": tensors}
    if not named:
        raise ValueError(f"{what} is empty; expected at least one placeholder")
    for name, tensor in named.items():
        if not isinstance(name, str) or not (tf.is_tensor(tensor) or isinstance(tensor, tf.SparseTensor)):
            raise ValueError(f"{what} has {name!r}: {tensor!r}; expected a name and a tensor: feed a placeholder")
    return named
