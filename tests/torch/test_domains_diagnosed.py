"""A diagnosis of a model whose layers keep statistics for several domains: each set is judged by its own data."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import steadynorm
from steadynorm import Report, Severity, Subject
from steadynorm.torch import BatchNorm2d, domain


def samples(index: int, count: int = 8) -> list[tuple[Tensor, Tensor]]:
    """Batches of one domain: two classes by the sign of a pattern, in images of another brightness and contrast."""
    generator = torch.Generator().manual_seed(index)
    found = []
    for _ in range(count):
        y = torch.randint(2, (64,), generator=generator)
        x = torch.randn(64, 1, 6, 6, generator=generator)
        x[:, :, :3] += (2.0 * y - 1)[:, None, None, None]
        found.append((x * (1 + 9 * index) + 40 * index, y))
    return found


def accuracy(output: Tensor, target: Tensor) -> float:
    return float((output.argmax(1) == target).float().mean())


def network() -> nn.Sequential:
    norm = BatchNorm2d(8, momentum=0.2, domain_statistics=2)
    return nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), norm, nn.ReLU(), nn.Flatten(), nn.Linear(128, 2))


def trained(*, in_their_domain: bool) -> nn.Sequential:
    """Both domains in turn, each with its own statistics; or, the mistake, all with those of the first."""
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(12):
        for pair in zip(samples(0), samples(1), strict=True):
            for index, (x, y) in enumerate(pair):
                with domain(model, index if in_their_domain else 0):
                    loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return model


def diagnosed(model: nn.Module, index: int, **given: Any) -> Report:
    data = samples(index)
    subject = Subject(
        model, data[:5], data[5:], loss=nn.functional.cross_entropy, metric=accuracy, name="domains", **given
    )
    with domain(model, index):
        return steadynorm.diagnose(subject, progress=False)


@pytest.mark.parametrize("index", [0, 1])
def test_a_healthy_domain_is_silent(index: int) -> None:
    report = diagnosed(trained(in_their_domain=True), index)

    assert not report.at_least(Severity.WARNING), [(each.code, each.message) for each in report.findings]
    assert report.evidence.gap is not None
    assert report.evidence.gap.size == 0


@pytest.mark.parametrize("index", [0, 1])
def test_statistics_of_both_domains_in_one_set_are_found(index: int) -> None:
    """Domain 0 has the average of both, domain 1 was never trained."""
    report = diagnosed(trained(in_their_domain=False), index)

    found = report.findings[0]
    assert found.severity is Severity.ERROR
    assert found.code in ("SN103", "SN104", "SN305")
    assert found.share > 0.5


@pytest.mark.parametrize("chosen", [0, 1])
def test_calls_of_another_domain_say_nothing_of_the_chosen_one(chosen: int) -> None:
    """A forward that goes through both domains in one pass, as training on pairs does."""

    def forward(model: nn.Module, batch: Any) -> Tensor:
        x = batch[0]
        with domain(model, 1 - chosen):
            model((x - 40 * chosen) / (1 + 9 * chosen) * (1 + 9 * (1 - chosen)) + 40 * (1 - chosen))
        with domain(model, chosen):
            result: Tensor = model(x)
        return result

    report = diagnosed(trained(in_their_domain=True), chosen, forward=forward)

    assert not report.at_least(Severity.WARNING), [(each.code, each.message) for each in report.findings]


def test_nothing_of_the_model_changes() -> None:
    model = trained(in_their_domain=True)
    before = {name: each.clone() for name, each in model.named_buffers() if each is not None}

    diagnosed(model, 1)

    after = {name: each for name, each in model.named_buffers() if each is not None}
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert model[1].domain == 0
