"""Sessions, savers and estimators that build what they are asked to build and run nothing."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf
from stand_in.made_up_data import ROWS, MadeUp
from tensorflow.python.framework import stack

v1 = tf.compat.v1
ENOUGH = 2000
NOTED = 100
ALIKE = 2


class Built:
    """What one program does: graphs, the saver that wrote each, exports, what is fetched, fed and put into savers.

    Arguments:
        folder: where exports are written, whatever place the program names.
    """

    def __init__(self, folder: Path) -> None:
        self.graphs: list[tf.Graph] = []
        self.savers: dict[tf.Graph, Any] = {}
        self.exports: list[Path] = []
        self.runs: list[tuple[tf.Graph, Any, Any]] = []
        self.lists: list[Any] = []
        self.folder = folder
        self.stack = ExitStack()

    def graph(self) -> tf.Graph:
        """A new graph."""
        self.graphs.append(tf.Graph())
        return self.graphs[-1]

    def export(self) -> Path:
        """A place for one more export."""
        self.exports.append(self.folder / f"export_{len(self.exports)}")
        return self.exports[-1]

    def reset(self) -> None:
        """What tf.reset_default_graph does."""
        self.stack.enter_context(self.graph().as_default())


def sessions(built: Built) -> dict[str, Any]:
    """The names of TensorFlow 1 that would run something, bound to one program."""

    class Session:
        def __init__(self, target: str = "", graph: Any = None, config: Any = None, **others: Any) -> None:
            self.graph = graph or v1.get_default_graph()
            self.runs = 0
            self.scope = ExitStack()

        def __enter__(self) -> Any:
            self.scope = ExitStack()
            self.scope.enter_context(self.graph.as_default())
            self.scope.enter_context(stack.default_session(self))
            return self

        def __exit__(self, *error: Any) -> None:
            self.scope.close()

        def run(self, fetches: Any, feed_dict: Any = None, **others: Any) -> Any:
            self.runs += 1
            if self.runs > ENOUGH:
                raise tf.errors.OutOfRangeError(None, None, "no more data")
            if self.runs <= NOTED:
                built.runs.append((self.graph, fetches, feed_dict or {}))
            return _value(fetches)

        def should_stop(self) -> bool:
            return self.runs > 1

        def as_default(self) -> Any:
            return stack.default_session(self)

        def close(self) -> None:
            return None

    class InteractiveSession(Session):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            built.stack.enter_context(stack.default_session(self))

    class Saver(v1.train.Saver):
        def __init__(self, var_list: Any = None, *args: Any, **options: Any) -> None:
            built.lists.append(var_list)
            super().__init__(var_list, *args, **options)

        def save(self, session: Any, *args: Any, **kwargs: Any) -> str:
            built.savers[session.graph] = self
            return "ckpt/model-1"

        def restore(self, session: Any, *args: Any) -> None:
            return None

    class Coordinator:
        asked = 0

        def should_stop(self) -> bool:
            self.asked += 1
            return self.asked > 2

        def request_stop(self, *args: Any) -> None:
            return None

        def join(self, *args: Any) -> None:
            return None

    return {
        "Session": Session,
        "InteractiveSession": InteractiveSession,
        "Graph": built.graph,
        "reset_default_graph": built.reset,
        "train.MonitoredTrainingSession": lambda **options: Session(),
        "train.MonitoredSession": lambda *args, **options: Session(),
        "train.Saver": Saver,
        "train.Coordinator": Coordinator,
        "train.start_queue_runners": lambda *args, **options: [],
        "train.latest_checkpoint": lambda *args: "ckpt/model-1",
        "train.init_from_checkpoint": lambda *args: None,
        "estimator": estimators(built),
        **_exports(built),
    }


def _exports(built: Built) -> dict[str, Any]:
    """What writes a model for serving; it does write one, with the values that variables begin with."""

    def begun(graph: Any) -> Any:
        with graph.as_default():
            real = v1.Session(graph=graph)
            real.run(v1.global_variables_initializer())
        return real

    def simple_save(session: Any, export_dir: str, inputs: Any, outputs: Any, **options: Any) -> None:
        with begun(session.graph) as real:
            v1.saved_model.simple_save(real, str(built.export()), inputs, outputs)

    class Builder(v1.saved_model.builder.SavedModelBuilder):
        def __init__(self, export_dir: str) -> None:
            super().__init__(str(built.export()))

        def add_meta_graph_and_variables(self, session: Any, *args: Any, **options: Any) -> None:
            with begun(session.graph) as real:
                super().add_meta_graph_and_variables(real, *args, **options)

    def frozen(session: Any, definition: Any, outputs: Any, **options: Any) -> Any:
        with begun(session.graph) as real:
            result = v1.graph_util.convert_variables_to_constants(real, definition, outputs)
        built.export().with_suffix(".pb").write_bytes(result.SerializeToString())
        return result

    class Converter:
        """Freezes what it converts, as the converter to TensorFlow Lite does first."""

        def __init__(self, session: Any, outputs: Any) -> None:
            self.session, self.outputs = session, [each.op.name for each in outputs]

        @classmethod
        def from_session(cls, session: Any, inputs: Any, outputs: Any) -> Any:
            return cls(session, outputs)

        def convert(self) -> bytes:
            frozen(self.session, self.session.graph.as_graph_def(), self.outputs)
            return b""

    return {
        "lite.TFLiteConverter": Converter,
        "saved_model.simple_save": simple_save,
        "saved_model.builder": SimpleNamespace(SavedModelBuilder=Builder),
        "saved_model.Builder": Builder,
        "graph_util.convert_variables_to_constants": frozen,
    }


def _value(fetched: Any) -> Any:
    if isinstance(fetched, dict):
        return {key: _value(each) for key, each in fetched.items()}
    if isinstance(fetched, list | tuple):
        return [_value(each) for each in fetched]
    if isinstance(fetched, tf.Tensor) and fetched.shape.rank is not None and fetched.dtype != tf.string:
        if fetched.dtype.is_integer and fetched.shape.rank == 0:
            return 10**9  # the steps of a loop are over
        return np.ones([each or ROWS for each in fetched.shape.as_list()], fetched.dtype.as_numpy_dtype)
    return MadeUp() if isinstance(fetched, tf.Tensor | MadeUp) else None


def estimators(built: Built) -> SimpleNamespace:
    """tf.estimator, whose estimators build the graph of each mode."""

    class Estimator:
        def __init__(
            self, model_fn: Any, model_dir: Any = None, config: Any = None, params: Any = None, **o: Any
        ) -> None:
            self.model_fn, self.params, self.config = model_fn, params or {}, config
            self.times: Counter[Any] = Counter()

        def _build(self, input_fn: Callable[..., Any], mode: str) -> None:
            written = (mode, getattr(input_fn, "__code__", None))
            self.times[written] += 1
            if self.times[written] > ALIKE:
                return  # a loop over training and evaluation builds the same again and again
            with built.graph().as_default() as graph:
                v1.train.get_or_create_global_step()
                features, labels = _inputs(input_fn() if callable(input_fn) else MadeUp())
                extra = {"params": self.params, "config": self.config, "mode": mode}
                taken = inspect.signature(self.model_fn).parameters
                options = {name: value for name, value in extra.items() if name in taken}
                if "labels" in taken:
                    options["labels"] = None if mode == "infer" else labels
                spec = self.model_fn(features, **options)
            built.runs.append((graph, spec.train_op if mode == "train" else [spec.predictions, spec.loss], {}))
            if mode != "train" and spec.train_op is not None:
                built.graphs.remove(graph)  # its train op is never run

        def train(self, input_fn: Any, *args: Any, **options: Any) -> Any:
            self._build(input_fn, "train")
            return self

        def evaluate(self, input_fn: Any, *args: Any, **options: Any) -> Any:
            self._build(input_fn, "eval")
            return MadeUp()

        def predict(self, input_fn: Any, *args: Any, **options: Any) -> Iterator[Any]:
            self._build(input_fn, "infer")
            return iter([MadeUp(), MadeUp()])

        def export_saved_model(self, *args: Any, **options: Any) -> None:
            return None

        export_savedmodel = export_saved_model

    def train_and_evaluate(estimator: Any, train_spec: Any, eval_spec: Any) -> None:
        estimator.train(train_spec.input_fn)
        estimator.evaluate(eval_spec.input_fn)

    def spec(mode: Any = None, predictions: Any = None, loss: Any = None, train_op: Any = None, **others: Any) -> Any:
        return SimpleNamespace(mode=mode, predictions=predictions, loss=loss, train_op=train_op, **others)

    def numpy_input_fn(x: Any, y: Any = None, **options: Any) -> Any:
        return lambda: (x, y)

    return SimpleNamespace(
        Estimator=Estimator,
        EstimatorSpec=spec,
        ModeKeys=SimpleNamespace(TRAIN="train", EVAL="eval", PREDICT="infer"),
        RunConfig=lambda *args, **options: MadeUp(),
        TrainSpec=lambda input_fn, **options: SimpleNamespace(input_fn=input_fn),
        EvalSpec=lambda input_fn, **options: SimpleNamespace(input_fn=input_fn),
        train_and_evaluate=train_and_evaluate,
        inputs=SimpleNamespace(numpy_input_fn=numpy_input_fn),
        export=SimpleNamespace(
            ServingInputReceiver=lambda *args, **options: MadeUp(), PredictOutput=lambda *args, **options: MadeUp()
        ),
    )


def _inputs(given: Any) -> tuple[Any, Any]:
    if isinstance(given, dict):
        return given, MadeUp()
    features, labels = given
    return features, labels
