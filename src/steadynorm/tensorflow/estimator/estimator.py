"""Estimator: a model_fn trained, evaluated, used and exported, each in a graph and session of its own."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import tensorflow as tf

from steadynorm.tensorflow.estimator.checkpoints import check_restorable
from steadynorm.tensorflow.estimator.config import RunConfig, with_folder
from steadynorm.tensorflow.estimator.evaluation import run_evaluation, write_metrics
from steadynorm.tensorflow.estimator.export import ServingInputReceiver
from steadynorm.tensorflow.estimator.graph import new_graph
from steadynorm.tensorflow.estimator.input import ends_by_itself, read_inputs
from steadynorm.tensorflow.estimator.model import build_model
from steadynorm.tensorflow.estimator.prediction import (
    choose_predictions,
    examples,
    run_predictions,
    warn_if_endless,
)
from steadynorm.tensorflow.estimator.saved_model import write_saved_model
from steadynorm.tensorflow.estimator.signatures import check_model_fn
from steadynorm.tensorflow.estimator.spec import EstimatorSpec, ModeKeys, check_hooks, check_listeners
from steadynorm.tensorflow.estimator.train_loop import run_training
from steadynorm.tensorflow.estimator.train_op import check_counts_steps, check_trained_layers
from steadynorm.tensorflow.estimator.trained import TrainedModel, step_of
from steadynorm.tensorflow.estimator.updates import complete_train_op
from steadynorm.tensorflow.estimator.warm_start import warm_start_settings
from steadynorm.tensorflow.step_reading import read_step
from steadynorm.tensorflow.watch import let_infer

_log = logging.getLogger("steadynorm")

InputFn = Callable[..., Any]


class Estimator:
    """Trains, evaluates, predicts with and exports what a model_fn builds, on one machine.

    Source: tf.estimator.Estimator, whose model_fn, input_fn and folders of checkpoints it takes as they are. It differs
    where the original lets batch normalization go wrong: training runs every update of moving statistics, a warm start
    takes the statistics along, and nothing is evaluated or predicted with a model that was never trained.

    Arguments:
        model_fn: a function (features, labels, mode, params, config) → EstimatorSpec that may leave out all but
            features.
        model_dir: folder of checkpoints and summaries; that of the config, or a temporary one, for None.
        config: a RunConfig; the default one for None.
        params: a dict, or an object such as HParams, that model_fn and input_fn get a copy of.
        warm_start_from: a checkpoint's path or WarmStartSettings, for the first training.
        strict: raise where a train_op leaves out updates of moving statistics, instead of attaching them, does not
            count its steps, or trains layers in inference mode.
        except_for: beginnings of the names of statistics whose updates are not attached, such as the scope of a
            backbone that is kept frozen although its layers are built for training.

    Raises:
        ValueError: model_fn takes arguments that nobody gives, or model_dir is not that of the config.
        TypeError: an argument is of another type.
    """

    def __init__(
        self,
        model_fn: Callable[..., EstimatorSpec],
        model_dir: str | os.PathLike[str] | None = None,
        config: RunConfig | None = None,
        params: Any = None,
        warm_start_from: Any = None,
        *,
        strict: bool = False,
        except_for: Iterable[str] = (),
    ) -> None:
        if config is not None and not isinstance(config, RunConfig):
            raise TypeError(f"config is {config!r}; expected a RunConfig of steadynorm.tensorflow.estimator")
        if isinstance(params, (type, str, bytes)):
            raise TypeError(f"params is {params!r}; expected a dict or an object that holds the parameters")
        check_model_fn(model_fn, params)
        self._model_fn = model_fn
        self._params = {} if params is None else copy.deepcopy(params)
        self._config = with_folder(config or RunConfig(), model_dir)
        self._trained = TrainedModel(self.model_dir, warm_start_settings(warm_start_from))
        self._strict = strict
        self._except_for = (except_for,) if isinstance(except_for, str) else tuple(except_for)

    @property
    def model_dir(self) -> str:
        """Folder of checkpoints and summaries."""
        return str(self._config.model_dir)

    @property
    def config(self) -> RunConfig:
        """The configuration, with model_dir."""
        return self._config

    @property
    def params(self) -> Any:
        """A copy of the params."""
        return copy.deepcopy(self._params)

    @property
    def model_fn(self) -> Callable[..., EstimatorSpec]:
        """model_fn with params bound: (features, labels, mode, config)."""

        def public_model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:
            return build_model(self._model_fn, features, labels, mode, self._params, config)

        return public_model_fn

    def eval_dir(self, name: str | None = None) -> str:
        """Folder of the summaries of the evaluation called `name`."""
        return os.path.join(self.model_dir, f"eval_{name}" if name else "eval")

    def latest_checkpoint(self) -> str | None:
        """Prefix of the last checkpoint; None before the first."""
        return self._trained.latest()

    def get_variable_names(self) -> list[str]:
        """Names of the variables in the last checkpoint.

        Raises:
            NoCheckpointError: there is none.
        """
        return self._trained.variable_names()

    def get_variable_value(self, name: str) -> Any:
        """Value of a variable in the last checkpoint, as a NumPy array.

        Raises:
            NoCheckpointError: there is none.
            ValueError: it has no variable of that name.
        """
        return self._trained.variable_value(name)

    def train(
        self,
        input_fn: InputFn,
        hooks: Sequence[Any] | None = None,
        steps: int | None = None,
        max_steps: int | None = None,
        saving_listeners: Sequence[Any] | None = None,
        *,
        strict: bool | None = None,
    ) -> Self:
        """Trains from the last checkpoint in model_dir on, or from the beginning.

        Arguments:
            input_fn: the training data; see `steadynorm.tensorflow.estimator.input`.
            hooks: SessionRunHooks.
            steps: steps of this call; None, without max_steps, until the inputs end.
            max_steps: global step at which all training ends; with it reached, nothing is done.
            saving_listeners: CheckpointSaverListeners.
            strict: as of the Estimator, for this call.

        Returns:
            The Estimator.

        Raises:
            ValueError: both steps and max_steps, or one below 1; model_fn or input_fn is unusable; updates are missing
                and strict.
            NanLossError: the loss became NaN.
        """
        _check_steps(steps=steps, max_steps=max_steps)
        user_hooks = list(check_hooks(hooks, "hooks"))
        listeners = check_listeners(saving_listeners)
        checkpoint = self._trained.latest()
        if max_steps is not None and checkpoint is not None and step_of(checkpoint) >= max_steps:
            _log.info("no training: max_steps is %d, and %s is there already", max_steps, checkpoint)
            return self
        if steps is not None or max_steps is not None:
            user_hooks.append(tf.compat.v1.train.StopAtStepHook(steps, max_steps))
        with self._graph():
            inputs = read_inputs(input_fn, ModeKeys.TRAIN, self._params, self._config)
            spec = self._build(inputs.features, inputs.labels, ModeKeys.TRAIN)
            strict = self._strict if strict is None else strict
            reading = read_step(spec.train_op)
            check_counts_steps(spec.train_op, reading, strict)
            check_trained_layers(reading, strict, self._except_for)
            train_op = complete_train_op(spec.train_op, reading, strict, self._except_for)
            self._trained.resume(spec, checkpoint)
            run_training(spec, train_op, self.model_dir, self._config, [*inputs.hooks, *user_hooks], listeners)
        return self

    def evaluate(
        self,
        input_fn: InputFn,
        steps: int | None = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: str | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """Computes the metrics of a trained model and writes them as summaries into eval_dir(name).

        Arguments:
            input_fn: the evaluation data.
            steps: batches; None for all.
            hooks: SessionRunHooks.
            checkpoint_path: prefix of the checkpoint; the last one for None.
            name: tells several evaluations apart.

        Returns:
            Name → value of every metric of the model, `loss` (mean over the batches) and `global_step`.

        Raises:
            NoCheckpointError: there is no trained model.
            ValueError: model_fn or input_fn is unusable, or there is no data.
        """
        _check_steps(steps=steps)
        user_hooks = check_hooks(hooks, "hooks")
        with self._graph():
            inputs = read_inputs(input_fn, ModeKeys.EVAL, self._params, self._config)
            spec = self._build(inputs.features, inputs.labels, ModeKeys.EVAL)
            checkpoint = self._trained.start(spec, checkpoint_path)
            creator = self._session_creator(spec, checkpoint)
            metrics = run_evaluation(spec, creator, [*inputs.hooks, *user_hooks], steps)
        write_metrics(self.eval_dir(name), metrics, checkpoint)
        return metrics

    def predict(
        self,
        input_fn: InputFn,
        predict_keys: Sequence[str] | str | None = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: str | None = None,
        yield_single_examples: bool = True,
    ) -> Iterator[Any]:
        """Yields the predictions of a trained model. Nothing runs, and no error comes, before the first is taken.

        Arguments:
            input_fn: the data, of which labels are ignored.
            predict_keys: which predictions; all for None.
            hooks: SessionRunHooks.
            checkpoint_path: prefix of the checkpoint; the last one for None.
            yield_single_examples: examples one by one; else batches as they are.

        Raises:
            NoCheckpointError: there is no trained model.
            ValueError: model_fn, input_fn or predict_keys is unusable.
        """
        user_hooks = check_hooks(hooks, "hooks")
        with self._graph() as graph:
            inputs = read_inputs(input_fn, ModeKeys.PREDICT, self._params, self._config)
            warn_if_endless(ends_by_itself(graph, inputs))
            spec = self._build(inputs.features, None, ModeKeys.PREDICT)
            predictions = choose_predictions(spec.predictions, predict_keys)
            creator = self._session_creator(spec, self._trained.start(spec, checkpoint_path))
        batches = run_predictions(graph, predictions, creator, [*inputs.hooks, *user_hooks, *spec.prediction_hooks])
        try:
            for batch in batches:
                if yield_single_examples:
                    yield from examples(batch)
                else:
                    yield batch
        finally:
            batches.close()

    def export_saved_model(
        self,
        export_dir_base: str | os.PathLike[str],
        serving_input_receiver_fn: Callable[[], ServingInputReceiver],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | None = None,
        experimental_mode: str = ModeKeys.PREDICT,
    ) -> str:
        """Writes the model as it predicts into a folder named after the time, to serve or to load.

        Arguments:
            export_dir_base: the folder around it.
            serving_input_receiver_fn: makes the placeholders and the features; see
                `steadynorm.tensorflow.estimator.export`.
            assets_extra: path under `assets.extra` → file to copy there.
            as_text: write the graph as text.
            checkpoint_path: prefix of the checkpoint; the last one for None, or that of the warm start.
            experimental_mode: ModeKeys.PREDICT.

        Returns:
            The folder as a string, where the original gave bytes.

        Raises:
            NoCheckpointError: there is no trained model.
            ValueError: the default signature cannot be made of what model_fn gives, or the mode is another one.
            TypeError: serving_input_receiver_fn returns something else.
        """
        if experimental_mode != ModeKeys.PREDICT:
            raise ValueError(
                f"experimental_mode is {experimental_mode!r}; expected {ModeKeys.PREDICT!r}: a model is exported as it "
                "predicts"
            )
        return self._export(export_dir_base, serving_input_receiver_fn, assets_extra, as_text, checkpoint_path, True)

    def export_savedmodel(
        self,
        export_dir_base: str | os.PathLike[str],
        serving_input_receiver_fn: Callable[[], ServingInputReceiver],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | None = None,
        strip_default_attrs: bool = False,
    ) -> str:
        """What `export_saved_model` was called until TensorFlow 1.13.

        Arguments:
            export_dir_base, serving_input_receiver_fn, assets_extra, as_text, checkpoint_path: as there.
            strip_default_attrs: leave out attributes that have their default value, as `export_saved_model` does.

        Returns:
            As `export_saved_model`.

        Raises:
            As `export_saved_model`.
        """
        return self._export(
            export_dir_base, serving_input_receiver_fn, assets_extra, as_text, checkpoint_path, strip_default_attrs
        )

    def _export(
        self,
        export_dir_base: str | os.PathLike[str],
        serving_input_receiver_fn: Callable[[], ServingInputReceiver],
        assets_extra: Mapping[str, str] | None,
        as_text: bool,
        checkpoint_path: str | None,
        strip: bool,
    ) -> str:
        checkpoint = self._trained.to_export(checkpoint_path)
        with self._graph():
            receiver = serving_input_receiver_fn()
            if not isinstance(receiver, ServingInputReceiver):
                raise TypeError(f"serving_input_receiver_fn returned {receiver!r}; expected a ServingInputReceiver")
            spec = self._build(receiver.features, None, ModeKeys.PREDICT)
            check_restorable(checkpoint, spec.scaffold)
            base = os.fspath(export_dir_base)
            session_config = self._config.session_config
            return write_saved_model(base, spec, receiver, checkpoint, session_config, assets_extra, as_text, strip)

    def _graph(self) -> Any:
        return new_graph(self._config)

    def _build(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        if mode != ModeKeys.TRAIN:
            let_infer()  # Many a model_fn builds its train op in every mode.
        return build_model(self._model_fn, features, labels, mode, self._params, self._config)

    def _session_creator(self, spec: EstimatorSpec, checkpoint: str | None) -> Any:
        return tf.compat.v1.train.ChiefSessionCreator(
            scaffold=spec.scaffold,
            config=self._config.session_config,
            checkpoint_filename_with_path=checkpoint,
        )


def _check_steps(**given: int | None) -> None:
    for name, value in given.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value}; expected a number from 1 on, or None for all that the inputs give")
    if len([name for name, value in given.items() if value is not None]) > 1:
        raise ValueError(
            f"both {' and '.join(given)} are given; expected one: steps counts the steps of this call, max_steps the "
            "global step"
        )
