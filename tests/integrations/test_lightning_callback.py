"""The callback of Lightning on the digits."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import steadynorm

pytestmark = [
    # Lightning's own imports and its advice on workers and on loggers.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*(does not have many workers|number of training batches|isinstance):"),
]


def module(momentum: float) -> Any:
    from lightning.pytorch import LightningModule

    class Digits(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(
                nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU(), nn.Linear(32, 10)
            )

        def training_step(self, batch: Any, index: int) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", nn.functional.cross_entropy(self.net(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.net.parameters(), 3e-3)

    torch.manual_seed(0)
    return Digits()


def fit(model: Any, digits: Any, *callbacks: Any, **options: Any) -> Any:
    from lightning.pytorch import Trainer

    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(model, *(DataLoader(batches, batch_size=None) for batches in (digits.train, digits.validation)))
    return trainer


def of_kind(path: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_a_healthy_training_is_written_down_and_not_changed(digits: Any, tmp_path: Path) -> None:
    from steadynorm.integrations.lightning import MonitorCallback

    model = module(momentum=0.3)
    twin = copy.deepcopy(model)
    callback = MonitorCallback(every=10, run=tmp_path / "run.jsonl")
    fit(model, digits, callback)
    fit(twin, digits)
    assert callback.monitor.findings == []
    assert callback.monitor.steps == 66
    assert [line["step"] for line in of_kind(tmp_path / "run.jsonl", "statistics")] == [5, 10, 20, 30, 40, 50, 60]
    losses = of_kind(tmp_path / "run.jsonl", "loss")
    assert [line["step"] for line in losses if "validation" in line] == [22, 44, 66]
    assert [line["step"] for line in losses if "train" in line] == [5, 10, 20, 30, 40, 50, 60]
    for name, value in model.state_dict().items():
        assert torch.equal(value, twin.state_dict()[name]), name


def test_a_step_is_one_of_the_optimizer(digits: Any) -> None:
    from steadynorm.integrations.lightning import MonitorCallback

    callback = MonitorCallback()
    trainer = fit(module(momentum=0.3), digits, callback, accumulate_grad_batches=2)
    assert callback.monitor.steps == trainer.global_step == 33


def test_a_broken_training_is_warned_of(digits: Any) -> None:
    from steadynorm.integrations.lightning import MonitorCallback

    with pytest.warns(steadynorm.TrainingWarning, match="SN510: 1 layer keeps 1.0% of the old value per update"):
        fit(module(momentum=0.99), digits, MonitorCallback())
