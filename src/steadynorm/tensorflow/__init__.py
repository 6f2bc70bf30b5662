"""TensorFlow in graph mode: the only folder that imports tensorflow.

The layers, the train op, the saver and the estimator of TensorFlow 1 with their names, arguments and variables, on
TensorFlow 2.16 and later, for graphs built with `tf.compat.v1`.

A graph that is imported from a file knows its operations, not their gradients: import this package before training one
whose layers have renorm or batch_weights.
"""

from steadynorm.tensorflow import estimator
from steadynorm.tensorflow.contrib_layer import batch_norm
from steadynorm.tensorflow.estimator import (
    Estimator,
    EstimatorSpec,
    EvalSpec,
    ModeKeys,
    RunConfig,
    TrainSpec,
    WarmStartSettings,
    train_and_evaluate,
)
from steadynorm.tensorflow.graph_subject import GraphModel, GraphSubject
from steadynorm.tensorflow.layer import BatchNormalization, batch_normalization
from steadynorm.tensorflow.layer_variables import statistics
from steadynorm.tensorflow.registry import LayerRecord, layers
from steadynorm.tensorflow.restore import (
    assign_from_checkpoint_fn,
    get_assignment_map_from_checkpoint,
    init_from_checkpoint,
)
from steadynorm.tensorflow.restore_report import RestoreError, RestoreReport
from steadynorm.tensorflow.saver import Saver
from steadynorm.tensorflow.train_op import create_train_op, minimize
from steadynorm.tensorflow.updates import UpdatesNotRunError, assert_updates_run, missed_updates
from steadynorm.tensorflow.watch import UnsafeLayerWarning, warn_unsafe_layers

__all__ = [
    "BatchNormalization",
    "Estimator",
    "EstimatorSpec",
    "EvalSpec",
    "GraphModel",
    "GraphSubject",
    "LayerRecord",
    "ModeKeys",
    "RestoreError",
    "RestoreReport",
    "RunConfig",
    "Saver",
    "TrainSpec",
    "UnsafeLayerWarning",
    "UpdatesNotRunError",
    "WarmStartSettings",
    "assert_updates_run",
    "assign_from_checkpoint_fn",
    "batch_norm",
    "batch_normalization",
    "create_train_op",
    "estimator",
    "get_assignment_map_from_checkpoint",
    "init_from_checkpoint",
    "layers",
    "minimize",
    "missed_updates",
    "statistics",
    "train_and_evaluate",
    "warn_unsafe_layers",
]
