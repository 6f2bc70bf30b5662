"""A last batch that virtual batches do not divide: training drops it, a diagnosis looks at it all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import steadynorm
from steadynorm import Severity
from steadynorm.torch import BatchNorm1d
from steadynorm.torch.observation import Watch

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"virtual_batch_size": 16},
    "renorm": {"virtual_batch_size": 16, "renorm": True, "renorm_momentum": 0.1},
}


def batches(seed: int) -> list[tuple[Tensor, Tensor]]:
    """Four of 64 and one of 5."""
    generator = torch.Generator().manual_seed(seed)
    x = 3 + 2 * torch.randn(261, 6, generator=generator)
    return list(zip(x.split(64), (x[:, 0] > 3).long().split(64), strict=True))


def loss(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output, target)


def step(model: nn.Module, optimizer: Any, batch: Any) -> Tensor:
    optimizer.zero_grad()
    value = loss(model(batch[0]), batch[1])
    value.backward()
    optimizer.step()
    return value


def trained(options: dict[str, Any]) -> tuple[nn.Sequential, Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), BatchNorm1d(8, **options), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        for batch in batches(0)[:-1]:
            step(model, optimizer, batch)
    return model, optimizer


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_a_healthy_model_is_silent_and_stays_as_it_is(options: dict[str, Any]) -> None:
    model, optimizer = trained(options)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    report = steadynorm.diagnose(
        model, batches(0), batches(1), loss=loss, train_step=step, optimizer=optimizer, progress=False
    )

    assert not report.at_least(Severity.WARNING)
    assert model[1].virtual_batch_size == 16
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_statistics_that_were_lost_are_found(options: dict[str, Any]) -> None:
    """The broken twin."""
    model, _ = trained(options)
    model[1].reset_running_stats()

    report = steadynorm.diagnose(model, batches(0), batches(1), loss=loss, progress=False)

    assert report.findings[0].code in ("SN103", "SN305")


def watched(layer: nn.Module, x: Tensor) -> Tensor:
    watch = Watch({"layer": layer}, batch=True)
    with watch(), torch.no_grad():
        watch.begin_forward()
        return layer(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_what_is_left_over_is_normalized_as_one_batch(options: dict[str, Any]) -> None:
    model, _ = trained(options)
    layer, x = model[1], torch.randn(5, 8)
    whole = BatchNorm1d(8, **{**options, "virtual_batch_size": None})
    whole.load_state_dict(layer.state_dict())

    found, divided = (watched(layer, each) for each in (x, x.repeat(16, 1)))

    with torch.no_grad():
        np.testing.assert_allclose(found, whole.train()(x), rtol=1e-6)
        np.testing.assert_allclose(divided, layer.train()(x.repeat(16, 1)), rtol=1e-6)
    assert layer.virtual_batch_size == 16


def test_training_on_nothing_else_is_refused() -> None:
    """No batch of these data would train: that is the user's mistake, and the message says which."""
    model, optimizer = trained(OPTIONS["plain"])

    with pytest.raises(steadynorm.UnusableInputError, match="virtual_batch_size 16 does not divide the batch of 5"):
        steadynorm.diagnose(model, batches(0)[-1:], loss=loss, train_step=step, optimizer=optimizer, progress=False)
