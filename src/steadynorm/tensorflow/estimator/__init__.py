"""The tf.estimator API for one machine, under its own names: `from steadynorm.tensorflow import estimator`.

Code written for tf.estimator runs with that import in the place of `tf.estimator`, `estimator.export`,
`estimator.inputs` and `estimator.experimental` included, and the hooks of tf.compat.v1.train that it offered as well.
"""

import tensorflow as tf

from steadynorm.tensorflow.estimator import experimental, export, inputs
from steadynorm.tensorflow.estimator.checkpoints import NoCheckpointError
from steadynorm.tensorflow.estimator.config import RunConfig
from steadynorm.tensorflow.estimator.estimator import Estimator
from steadynorm.tensorflow.estimator.exporters import BestExporter, Exporter, FinalExporter, LatestExporter
from steadynorm.tensorflow.estimator.spec import EstimatorSpec, ModeKeys
from steadynorm.tensorflow.estimator.train_loop import NanLossError
from steadynorm.tensorflow.estimator.training import EvalSpec, TrainSpec, train_and_evaluate
from steadynorm.tensorflow.estimator.warm_start import WarmStartSettings

CheckpointSaverHook = tf.compat.v1.train.CheckpointSaverHook
CheckpointSaverListener = tf.compat.v1.train.CheckpointSaverListener
FeedFnHook = tf.compat.v1.train.FeedFnHook
FinalOpsHook = tf.compat.v1.train.FinalOpsHook
GlobalStepWaiterHook = tf.compat.v1.train.GlobalStepWaiterHook
LoggingTensorHook = tf.compat.v1.train.LoggingTensorHook
NanLossDuringTrainingError = tf.compat.v1.train.NanLossDuringTrainingError
NanTensorHook = tf.compat.v1.train.NanTensorHook
ProfilerHook = tf.compat.v1.train.ProfilerHook
SecondOrStepTimer = tf.compat.v1.train.SecondOrStepTimer
SessionRunArgs = tf.compat.v1.train.SessionRunArgs
SessionRunContext = tf.compat.v1.train.SessionRunContext
SessionRunHook = tf.compat.v1.train.SessionRunHook
SessionRunValues = tf.compat.v1.train.SessionRunValues
StepCounterHook = tf.compat.v1.train.StepCounterHook
StopAtStepHook = tf.compat.v1.train.StopAtStepHook
SummarySaverHook = tf.compat.v1.train.SummarySaverHook
VocabInfo = tf.compat.v1.train.VocabInfo

__all__ = [
    "BestExporter",
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "Estimator",
    "EstimatorSpec",
    "EvalSpec",
    "Exporter",
    "FeedFnHook",
    "FinalExporter",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "LatestExporter",
    "LoggingTensorHook",
    "ModeKeys",
    "NanLossDuringTrainingError",
    "NanLossError",
    "NanTensorHook",
    "NoCheckpointError",
    "ProfilerHook",
    "RunConfig",
    "SecondOrStepTimer",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "StepCounterHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "TrainSpec",
    "VocabInfo",
    "WarmStartSettings",
    "experimental",
    "export",
    "inputs",
    "train_and_evaluate",
]
