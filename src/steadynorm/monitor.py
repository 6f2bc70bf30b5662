"""`steadynorm.Monitor`: watches the normalization layers of a model while it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from steadynorm.errors import UnusableInputError
from steadynorm.monitoring.runfile import RunFile
from steadynorm.monitoring.session import EVERY, Session, Sink
from steadynorm.monitoring.watched import Watched
from steadynorm.rooms import room
from steadynorm.subject import Subject
from steadynorm.writing import check_folder

TRAINED = {
    "tensorflow.python.client.session.BaseSession": "tensorflow",
    "tensorflow.python.training.monitored_session._MonitoredSession": "tensorflow",
    "tensorflow.python.framework.ops.Graph": "tensorflow",
}
"""What is trained and is no model, by base class."""


class Monitor(Session):
    """Warns, once per cause and while there is time, of what goes wrong with normalization layers in training.

    Every so many steps it compares the moments of the batches with the moving statistics, counts the updates per step,
    and looks for statistics that are not finite and for frozen layers that move. It only reads: weights, statistics and
    random states come out bit for bit as without it, and what fails in it, such as a full disk, ends the monitoring
    with a warning and never the training.

        with steadynorm.Monitor(model, run="run.jsonl") as monitor:
            for x, y in batches:
                ...
                optimizer.step()
                monitor.step(loss=loss)

    In Keras the same object is a callback: `model.fit(..., callbacks=[steadynorm.Monitor(model)])` needs no call.

    Arguments:
        model: what is trained, in the form and on the device in which it is: a torch.nn.Module, a keras.Model, the
            tf.compat.v1.Session of a graph, or a `Subject` of these. Of distributed processes, one monitors.
        every: steps between measurements.
        run: a path to write a run file to, which `steadynorm report` draws.
        tensorboard: a folder to write TensorBoard's event file to; takes the extra `tensorboard`.
        optimizer: a torch.optim.Optimizer; each of its steps then calls `step()` by itself.

    Raises:
        NoNormalizationLayersError: no layer of the model keeps statistics.
        UnusableInputError: the model is of no known framework, or a file cannot be written there.
    """

    def __new__(cls, model: Any, **_: Any) -> Self:
        """A monitor of the kind that the model's framework has, where that is one of its own."""
        kind: type[Self] = getattr(_room(model), "Monitor", cls)
        return super().__new__(kind if issubclass(kind, cls) else cls)

    def __init__(
        self,
        model: Any,
        *,
        every: int = EVERY,
        run: str | Path | None = None,
        tensorboard: str | Path | None = None,
        optimizer: Any = None,
    ) -> None:
        if optimizer is not None and not hasattr(optimizer, "register_step_post_hook"):
            raise UnusableInputError(
                f"optimizer is a {type(optimizer).__module__}.{type(optimizer).__name__}; expected a "
                "torch.optim.Optimizer: with any other, call step() after each of its steps"
            )
        self._options = every, run, tensorboard
        self._handle: Any = None
        self._begin(_model(model))
        if optimizer is not None:
            self._handle = optimizer.register_step_post_hook(self._stepped)

    def close(self) -> None:
        """Ends the monitoring: judges the training as it stands, writes what is left and takes off all hooks."""
        if self._handle is not None:
            self._handle.remove()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, model: Any) -> None:
        self._watch(_room(model).watched(model))

    def _watch(self, watched: Watched) -> None:
        every, run, tensorboard = self._options
        try:
            Session.__init__(self, watched, every=every, sinks=sinks(watched, every, run, tensorboard))
        except Exception:
            watched.close()
            raise

    def _stepped(self, *_: Any) -> None:
        self.step()


def _model(model: Any) -> Any:
    return model.model if isinstance(model, Subject) else model


def _room(model: Any) -> ModuleType:
    return room(_model(model), "monitor", TRAINED)


def sinks(watched: Watched, every: int, run: str | Path | None, tensorboard: str | Path | None) -> Iterator[Sink]:
    """Opens what a monitor of this model writes to.

    Raises:
        UnusableInputError: a file cannot be written there.
    """
    if run is not None:
        check_folder(Path(run))
        yield RunFile(run, framework=watched.framework, model=watched.name, interval=every)
    if tensorboard is not None:
        from steadynorm.integrations.tensorboard import EventFile

        yield EventFile(tensorboard)
