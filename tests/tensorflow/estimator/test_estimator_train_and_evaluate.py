"""train_and_evaluate, the exporters, and stopping early."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from steadynorm.tensorflow import estimator as est

v1 = tf.compat.v1


def receiver():
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    return est.export.ServingInputReceiver({"x": x}, {"x": x})


def steps(estimator):
    return list(est.experimental.read_eval_metrics(estimator.eval_dir()))


def test_every_checkpoint_is_evaluated(make, input_fn, once):
    estimator = make()
    metrics, exports = est.train_and_evaluate(
        estimator,
        est.TrainSpec(input_fn, max_steps=20),
        est.EvalSpec(once, steps=None, start_delay_secs=0, throttle_secs=0),
    )
    evaluated = steps(estimator)
    assert len(evaluated) >= 4
    assert evaluated[-1] == metrics["global_step"] == 20
    history = est.experimental.read_eval_metrics(estimator.eval_dir())
    assert history[20]["loss"] == pytest.approx(metrics["loss"])
    assert history[evaluated[0]]["loss"] > metrics["loss"]
    assert exports == []
    assert est.train_and_evaluate(estimator, est.TrainSpec(input_fn, 20), est.EvalSpec(once)) == (None, [])


class PointsBack(v1.train.CheckpointSaverListener):
    """Makes the first checkpoint the latest one, as a saver of the user's may do with a checkpoint of its own."""

    def __init__(self, folder):
        self._folder = str(folder)

    def after_save(self, session, global_step_value):
        v1.train.update_checkpoint_state(self._folder, f"{self._folder}/model.ckpt-0")


@pytest.mark.parametrize("points_back", [True, False])
def test_the_checkpoint_just_saved_is_evaluated_and_exported(make, input_fn, once, tmp_path, points_back):
    seen = []

    class Remember:
        name = "remember"

        def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
            seen.append((int(eval_result["global_step"]), Path(checkpoint_path).name))

    listeners = [PointsBack(tmp_path / "model")] if points_back else []
    train_spec = est.TrainSpec(input_fn, max_steps=7, saving_listeners=listeners)
    eval_spec = est.EvalSpec(once, exporters=Remember(), start_delay_secs=0, throttle_secs=0)
    metrics, _ = est.train_and_evaluate(make(), train_spec, eval_spec)
    assert metrics["global_step"] == 7
    assert seen[-1] == (7, "model.ckpt-7")
    assert all(name == f"model.ckpt-{step}" for step, name in seen)


def test_throttled_only_the_last_is(make, input_fn, once):
    estimator = make()
    est.train_and_evaluate(estimator, est.TrainSpec(input_fn, max_steps=20), est.EvalSpec(once))
    assert steps(estimator) == [20]


def test_exporters(make, input_fn, once, tmp_path):
    estimator = make()
    exporters = [
        est.FinalExporter("final", receiver),
        est.LatestExporter("latest", receiver, exports_to_keep=2),
        est.BestExporter("best", receiver),
        est.BestExporter("never", receiver, compare_fn=lambda best_eval_result, current_eval_result: False),
    ]
    eval_spec = est.EvalSpec(once, exporters=exporters, start_delay_secs=0, throttle_secs=0)
    _, exports = est.train_and_evaluate(estimator, est.TrainSpec(input_fn, max_steps=20), eval_spec)
    folders = {path.name: len(list(path.iterdir())) for path in (tmp_path / "model" / "export").iterdir()}
    assert folders["final"] == 1
    assert folders["latest"] == 2
    assert 1 < folders["best"] <= 5  # the loss falls
    assert folders["never"] == 1  # the first is always the best so far
    assert exports[-1] is None
    assert tf.saved_model.contains_saved_model(exports[0])


def test_the_best_of_an_earlier_run_must_be_beaten(make, input_fn, once, tmp_path):
    estimator = make()
    estimator.train(input_fn, steps=20)
    estimator.evaluate(once)
    worse = estimator.evaluate(once, checkpoint_path=str(tmp_path / "model" / "model.ckpt-5"), name="other")
    exporter = est.BestExporter("best", receiver, event_file_pattern="eval/*.tfevents.*")
    arguments = {"estimator": estimator, "export_path": str(tmp_path / "best"), "is_the_final_export": False}
    arguments["checkpoint_path"] = estimator.latest_checkpoint()
    assert exporter.export(eval_result={**worse, "global_step": 30}, **arguments) is None
    assert exporter.export(eval_result={"loss": 0.0, "global_step": 31}, **arguments) is not None


def falling(features, labels, mode, params):
    """Its loss falls by the rate with every step."""
    level = v1.get_variable("level", [], initializer=v1.zeros_initializer())
    loss = level + 0 * tf.reduce_sum(labels)
    optimizer = v1.train.GradientDescentOptimizer(params["rate"])
    return est.EstimatorSpec(mode, loss=loss, train_op=optimizer.minimize(loss, v1.train.get_global_step()))


@pytest.mark.parametrize(("rate", "first", "last"), [(0.0, 7, 12), (1.0, 30, 30)])
def test_stops_when_the_loss_no_longer_falls(make, input_fn, once, rate, first, last):
    estimator = make(falling, params={"rate": rate}, config=est.RunConfig(save_checkpoints_steps=2))
    stop = est.experimental.stop_if_no_decrease_hook(
        estimator, "loss", max_steps_without_decrease=6, run_every_secs=None, run_every_steps=1
    )
    train_spec = est.TrainSpec(input_fn, max_steps=30, hooks=[stop])
    metrics, _ = est.train_and_evaluate(estimator, train_spec, est.EvalSpec(once, start_delay_secs=0, throttle_secs=0))
    # Every second step or so is evaluated, and the first that is 6 after the first of all ends it.
    assert first <= metrics["global_step"] <= last


@pytest.fixture
def history(make):
    """An estimator whose evaluations at steps 10, 20, 30, 40 gave these accuracies."""
    estimator = make()
    with tf.Graph().as_default():
        writer = v1.summary.FileWriter(estimator.eval_dir())
    for step, accuracy in ((10, 0.5), (20, 0.8), (30, 0.7), (40, 0.75)):
        summary = v1.Summary(value=[v1.Summary.Value(tag="accuracy", simple_value=accuracy)])
        writer.add_summary(summary, step)
    writer.close()
    return estimator


@pytest.mark.parametrize(
    ("name", "number", "min_steps", "stops"),
    [
        ("stop_if_higher_hook", 0.79, 0, True),
        ("stop_if_higher_hook", 0.81, 0, False),
        ("stop_if_higher_hook", 0.79, 30, False),
        ("stop_if_lower_hook", 0.51, 0, True),
        ("stop_if_lower_hook", 0.49, 0, False),
        ("stop_if_no_increase_hook", 20, 0, True),
        ("stop_if_no_increase_hook", 21, 0, False),
        ("stop_if_no_increase_hook", 20, 30, False),
        ("stop_if_no_decrease_hook", 30, 0, True),
        ("stop_if_no_decrease_hook", 31, 0, False),
    ],
)
def test_rules(history, input_fn, name, number, min_steps, stops):
    rule = getattr(est.experimental, name)
    hook = rule(history, "accuracy", number, min_steps=min_steps, run_every_secs=None, run_every_steps=1)
    history.train(input_fn, max_steps=3, hooks=[hook])
    assert int(history.get_variable_value("global_step")) == (1 if stops else 3)


def test_half_an_event_at_the_end_is_passed_over(history):
    path = next(Path(history.eval_dir()).iterdir())
    path.write_bytes(path.read_bytes()[:-5])
    assert list(est.experimental.read_eval_metrics(history.eval_dir())) == [10, 20, 30]


def test_a_rule_of_one_s_own(make, input_fn):
    estimator, asked = make(), []

    def third_time():
        asked.append(1)
        return len(asked) == 3

    hook = est.experimental.make_early_stopping_hook(estimator, third_time, run_every_secs=None, run_every_steps=2)
    estimator.train(input_fn, max_steps=50, hooks=[hook])
    assert int(estimator.get_variable_value("global_step")) == 5


def test_errors(make, history, input_fn, once):
    def run(hook):
        history.train(input_fn, max_steps=3, hooks=[hook])

    make_hook = est.experimental.stop_if_higher_hook
    with pytest.raises(ValueError, match=r"have no metric 'acuracy'; expected one of \['accuracy'\]"):
        run(make_hook(history, "acuracy", 1, run_every_secs=None, run_every_steps=1))
    with pytest.raises(ValueError, match="expected one of them"):
        make_hook(history, "accuracy", 1, run_every_steps=1)
    with pytest.raises(TypeError, match="should_stop_fn is 3"):
        est.experimental.make_early_stopping_hook(history, 3)
    with pytest.raises(TypeError, match="train_and_evaluate got"):
        est.train_and_evaluate(make(), est.EvalSpec(once), est.TrainSpec(input_fn))
    with pytest.raises(TypeError, match="input_fn is"):
        est.TrainSpec(once())
    with pytest.raises(ValueError, match="max_steps is 0"):
        est.TrainSpec(input_fn, max_steps=0)
    with pytest.raises(ValueError, match="throttle_secs is -1"):
        est.EvalSpec(once, throttle_secs=-1)
    with pytest.raises(ValueError, match="expected different names"):
        est.EvalSpec(once, exporters=[est.FinalExporter("a", receiver), est.LatestExporter("a", receiver)])
    with pytest.raises(TypeError, match="exporters holds 'a'"):
        est.EvalSpec(once, exporters=["a"])
    with pytest.raises(ValueError, match="exports_to_keep is 0"):
        est.LatestExporter("a", receiver, exports_to_keep=0)
    no_checkpoints = make(config=est.RunConfig(save_checkpoints_secs=None))
    with pytest.raises(ValueError, match="no checkpoint is ever saved"):
        est.train_and_evaluate(no_checkpoints, est.TrainSpec(input_fn, 2), est.EvalSpec(once))
