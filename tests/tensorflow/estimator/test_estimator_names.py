"""The names that model_fn code took from tf.estimator beside the Estimator's own."""

from __future__ import annotations

import pytest
import tensorflow as tf

from steadynorm.tensorflow import estimator as est

# What tf.estimator offered of tf.compat.v1.train, from its documentation.
OF_TRAINING = (
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "FeedFnHook",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "LoggingTensorHook",
    "NanLossDuringTrainingError",
    "NanTensorHook",
    "ProfilerHook",
    "SecondOrStepTimer",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "StepCounterHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "VocabInfo",
)


@pytest.mark.parametrize("name", OF_TRAINING)
def test_names_of_training_are_those_of_tensorflow(name):
    assert getattr(est, name) is getattr(tf.compat.v1.train, name)
    assert name in est.__all__


def test_every_public_name_is_there():
    assert all(hasattr(est, name) for name in est.__all__)
    assert list(est.__all__) == sorted(set(est.__all__), key=lambda name: (name.islower(), name))


def test_hooks_under_the_old_names_run(make, input_fn):
    class Asks(est.SessionRunHook):
        steps = 0

        def before_run(self, run_context):
            assert isinstance(run_context, est.SessionRunContext)
            return est.SessionRunArgs(tf.compat.v1.train.get_global_step(run_context.session.graph))

        def after_run(self, run_context, run_values):
            assert isinstance(run_values, est.SessionRunValues)
            self.steps += 1

    asks = Asks()
    make().train(input_fn, hooks=[asks, est.StopAtStepHook(last_step=3)])
    assert asks.steps == 3


def test_the_batch_has_the_name_that_tf_estimator_gave_it(make, input_fn):
    hook = est.LoggingTensorHook({"labels": "IteratorGetNext:1"}, every_n_iter=1)
    make().train(input_fn, steps=1, hooks=[hook])
