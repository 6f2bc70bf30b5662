"""The tf.estimator API for one machine, under its own names: `from steadynorm.tensorflow import estimator`.

Code written for tf.estimator runs with that import in the place of `tf.estimator`, `estimator.export`,
`estimator.inputs` and `estimator.experimental` included.
"""

from steadynorm.tensorflow.estimator import experimental, export, inputs
from steadynorm.tensorflow.estimator.checkpoints import NoCheckpointError
from steadynorm.tensorflow.estimator.config import RunConfig
from steadynorm.tensorflow.estimator.estimator import Estimator
from steadynorm.tensorflow.estimator.exporters import BestExporter, Exporter, FinalExporter, LatestExporter
from steadynorm.tensorflow.estimator.spec import EstimatorSpec, ModeKeys
from steadynorm.tensorflow.estimator.train_loop import NanLossError
from steadynorm.tensorflow.estimator.training import EvalSpec, TrainSpec, train_and_evaluate
from steadynorm.tensorflow.estimator.warm_start import WarmStartSettings

__all__ = [
    "BestExporter",
    "Estimator",
    "EstimatorSpec",
    "EvalSpec",
    "Exporter",
    "FinalExporter",
    "LatestExporter",
    "ModeKeys",
    "NanLossError",
    "NoCheckpointError",
    "RunConfig",
    "TrainSpec",
    "WarmStartSettings",
    "experimental",
    "export",
    "inputs",
    "train_and_evaluate",
]
