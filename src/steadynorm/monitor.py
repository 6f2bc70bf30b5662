"""`steadynorm.Monitor`: watches the normalization layers of a model while it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from steadynorm.monitoring.runfile import RunFile
from steadynorm.monitoring.session import EVERY, Session, Sink
from steadynorm.monitoring.watched import Watched
from steadynorm.rooms import room
from steadynorm.writing import check_folder


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

    Arguments:
        model: a torch.nn.Module in the form in which it is trained, on its device. Of distributed processes, one
            monitors.
        every: steps between measurements.
        run: a path to write a run file to, which `steadynorm report` draws.
        tensorboard: a folder to write TensorBoard's event file to; takes the extra `tensorboard`.
        optimizer: a torch.optim.Optimizer; each of its steps then calls `step()` by itself.

    Raises:
        NoNormalizationLayersError: no layer of the model keeps statistics.
        UnusableInputError: the model is of no known framework, or a file cannot be written there.
    """

    def __init__(
        self,
        model: Any,
        *,
        every: int = EVERY,
        run: str | Path | None = None,
        tensorboard: str | Path | None = None,
        optimizer: Any = None,
    ) -> None:
        watched: Watched = room(model, "monitor").watched(model)
        try:
            super().__init__(watched, every=every, sinks=sinks(watched, every, run, tensorboard))
        except Exception:
            watched.close()
            raise
        self._handle = None if optimizer is None else optimizer.register_step_post_hook(self._stepped)

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

    def _stepped(self, *_: Any) -> None:
        self.step()


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
