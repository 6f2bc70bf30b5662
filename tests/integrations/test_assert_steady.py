"""The assertion in tests, and the fixture of pytest's plugin, on the digits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from steadynorm.finding import Severity
from steadynorm.testing import assert_steady

PROGRAM = """
import torch
from sklearn.datasets import load_digits
from torch import nn

def network(momentum):
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
    batches = list(zip(x.split(64), y.split(64)))
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(4):
        for each, target in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(each), target).backward()
            optimizer.step()
    return model, batches

def test_steady(assert_steady):
    model, batches = network(0.1)
    report = assert_steady(model, batches, loss=nn.functional.cross_entropy)
    assert report.exit_status() == 0

def test_unsteady(assert_steady):
    model, batches = network(0.001)
    assert_steady(model, batches, loss=nn.functional.cross_entropy)
"""


def network(digits: Any, momentum: float) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU(), nn.Linear(32, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(4):
        for x, y in digits.train:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    return model


def test_a_healthy_model_passes_and_the_report_comes_back(digits: Any) -> None:
    report = assert_steady(network(digits, 0.1), digits.train, digits.validation, loss=nn.functional.cross_entropy)
    assert not report.at_least(Severity.WARNING)


def test_a_broken_model_fails_with_the_report(digits: Any) -> None:
    model = network(digits, 0.001)
    with pytest.raises(AssertionError) as raised:
        assert_steady(model, digits.train, digits.validation, loss=nn.functional.cross_entropy)
    message = str(raised.value)
    assert message.startswith("model is not steady\n")
    assert "SN104" in message
    assert "Inference against batch statistics" in message
    assert max(map(len, message.splitlines())) <= 80


def test_a_model_with_nothing_to_check_does_not_pass(digits: Any) -> None:
    with pytest.raises(AssertionError, match="no verdict on the model"):
        assert_steady(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), digits.train)


def test_the_fixture_shows_the_report_where_a_test_fails(tmp_path: Path) -> None:
    (tmp_path / "test_model.py").write_text(PROGRAM, encoding="utf-8")
    arguments = ["-m", "pytest", "-q", "-p", "steadynorm.integrations.pytest_plugin", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [sys.executable, *arguments, "."], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "E       AssertionError: model is not steady" in done.stdout
    assert "SN104" in done.stdout
    assert "steadynorm/testing.py" not in done.stdout


def test_the_plugin_brings_nothing_into_a_run_that_does_not_use_it() -> None:
    code = (
        "import sys, steadynorm.integrations.pytest_plugin\n"
        "assert not {'torch', 'numpy', 'rich', 'steadynorm.api'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
