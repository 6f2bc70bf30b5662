"""SN901, SN902 and SN904 on the digits and on photographs: broken networks beside healthy twins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor, nn
from torch.nn import functional

from steadynorm.experiments.records import Outcome, Task

TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())


def test_a_healthy_network_passes_every_check_that_can_be_made(lab: Any) -> None:
    report = lab.report(lab.subject(lab.net()))

    assert not report.findings
    assert {each.code for each in report.not_assessed} == {"SN901", "SN904"}
    assert [each.outcome for each in report.evidence.experiments.of(Task.ONE_BATCH)] == [Outcome.FITTED]


def test_labels_that_are_smoothed_have_a_floor(lab: Any) -> None:
    """Smoothed by 0.1, ten classes: the smallest cross-entropy is the entropy of the smoothed label."""
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    shares = np.array([0.91, *[0.01] * 9])

    report = lab.report(lab.subject(lab.net(), loss=smooth, train_step=None, optimizer=None), "SN902")

    assert not report.findings
    floor = report.evidence.experiments.of(Task.ONE_BATCH)[0].floor
    assert floor == pytest.approx(-float(np.sum(shares * np.log(shares))), abs=0.02)


def test_a_step_with_another_models_optimizer_is_named(lab: Any) -> None:
    model, other = lab.net(), lab.net()
    subject = lab.subject(model, optimizer=torch.optim.Adam(other.parameters(), 1e-2))

    (found,) = lab.report(subject, "SN902").findings

    assert "changes no parameter" in found.remedy


def test_a_rate_that_is_far_too_low_is_told_from_a_model_that_cannot(lab: Any) -> None:
    (found,) = lab.report(lab.subject(lab.net(), rate=1e-7), "SN902").findings

    assert "The model can; its training does not" in found.remedy
    assert found.evidence["the train step"]["outcome"] in ("stuck", "falling too slowly")  # rounding may hide the fall
    assert "Adam at 0.001" in found.message


class Hidden(nn.Module):
    """A layer with a bias; far below anything that its input can reach its ReLU never opens."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
        nn.init.constant_(self.hidden.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.hidden(x.flatten(1))))


@pytest.mark.parametrize(("bias", "expected"), TABLE["dead"])
def test_a_dead_activation_cannot_fit_a_batch(lab: Any, bias: float, expected: list[str]) -> None:
    assert lab.codes(lab.subject(Hidden(bias)), "SN902") == expected


def photographs() -> list[tuple[Tensor, Tensor]]:
    """Patches of scikit-learn's two sample images in [0, 1], (8, 3, 32, 32) each, with themselves as targets."""
    images = torch.tensor(np.stack(load_sample_images().images)).permute(0, 3, 1, 2).float() / 255
    patches = images.unfold(2, 32, 64).unfold(3, 32, 64).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 32, 32)
    mixed = patches[torch.randperm(len(patches), generator=torch.Generator().manual_seed(0))]
    return [(each, each) for each in mixed.split(8)][:4]


class Translator(nn.Module):
    """Two convolutions on images, through a bottleneck or past it."""

    def __init__(self, narrow: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.narrow = narrow
        self.down, self.up = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.down(x))
        if self.narrow:
            h = functional.adaptive_avg_pool2d(h, 1).expand_as(h)
        return self.up(h)


@pytest.mark.parametrize(("how", "expected"), TABLE["identity"])
def test_identity_is_learned_unless_the_image_is_lost_on_the_way(lab: Any, how: str, expected: list[str]) -> None:
    subject = lab.subject(
        Translator(how == "narrow"), train_data=photographs(), loss=nn.MSELoss(), train_step=None, optimizer=None
    )

    assert lab.codes(subject, "SN901", seconds=120) == expected


def test_a_rate_that_is_too_high_is_told_by_trying_a_lower_one(lab: Any) -> None:
    """The recorded loss of a training that leaps, and the model from which it was recorded."""
    model = lab.net()
    subject = lab.subject(model, optimizer=torch.optim.SGD(model.parameters(), 8.0, momentum=0.9))
    jumping = [2.0, 9.0, 4.0, 12.0] * 20

    (found,) = lab.report(subject, "SN904", losses=jumping).findings

    assert "a tenth of the learning rate brings it to" in found.message
    assert found.certainty == "proven"


def test_without_a_train_step_the_finding_says_what_would_settle_it(lab: Any) -> None:
    subject = lab.subject(lab.net(), train_step=None, optimizer=None)

    (found,) = lab.report(subject, "SN904", losses=[2.0, 9.0, 4.0, 12.0] * 20).findings

    assert found.certainty == "likely"
    assert "a train step" in found.settle


def test_a_loss_that_falls_is_no_finding(lab: Any) -> None:
    assert lab.codes(lab.subject(lab.net()), "SN904", losses=list(2.3 * np.exp(-np.arange(100) / 20))) == []


class Tiny(nn.Module):
    """Three numbers for ten classes: enough for a few samples, too few for all."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.narrow, self.head = nn.Linear(64, 1), nn.Linear(1, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.narrow(x.flatten(1)))


def test_a_model_that_is_too_small_learns_less_data(lab: Any) -> None:
    subject = lab.subject(Tiny(), rate=0.03, train_data=[(x[:8], y[:8]) for x, y in lab.digits.train])

    (found,) = lab.report(subject, "SN904", losses=[2.0, 3.0, 2.2, 2.9] * 20).findings

    assert "too little capacity" in found.remedy
