"""A callback of Lightning that monitors the normalization layers of a module while it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from steadynorm.monitor import Monitor
from steadynorm.monitoring.session import EVERY


class MonitorCallback(Callback):
    """`steadynorm.Monitor` for a `Trainer`: a step is a step of the optimizer, whatever batches it accumulates.

    Of several processes, the first one monitors.

    Arguments:
        every: steps between measurements.
        run: a path to write a run file to.
        tensorboard: a folder to write TensorBoard's event file to.
        validation_loss: the name under which the module logs its loss on validation data.

    Attributes:
        monitor: of the training that runs or ran last; `None` before, and in other processes than the first.
    """

    def __init__(
        self,
        *,
        every: int = EVERY,
        run: str | Path | None = None,
        tensorboard: str | Path | None = None,
        validation_loss: str = "val_loss",
    ) -> None:
        self.monitor: Monitor | None = None
        self._options: dict[str, Any] = {"every": every, "run": run, "tensorboard": tensorboard}
        self._validation_loss = validation_loss
        self._stepped = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to monitor."""
        self._stepped = trainer.global_step
        self.monitor = Monitor(pl_module, **self._options) if trainer.is_global_zero else None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tells the monitor of a step, if the batch completed one."""
        if self.monitor is not None and trainer.global_step != self._stepped:
            self._stepped = trainer.global_step
            self.monitor.step(loss=outputs.get("loss") if isinstance(outputs, dict) else outputs)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the validation loss down."""
        loss = trainer.callback_metrics.get(self._validation_loss)
        if self.monitor is not None and loss is not None:
            self.monitor.validated(loss)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends the monitoring."""
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ends the monitoring."""
        self._close()

    def _close(self) -> None:
        if self.monitor is not None:
            self.monitor.close()
