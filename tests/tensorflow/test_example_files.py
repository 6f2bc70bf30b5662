"""What the examples write is as they are: nothing is said of their graphs and checkpoints."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tensorflow as tf

import steadynorm
from steadynorm.finding import Severity
from steadynorm.report.result import CheckResult

v1 = tf.compat.v1
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Loads an example as the module that `python example.py` would run."""

    def module(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"example_written_{Path(name).stem}", EXAMPLES / name)
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, loaded)
        spec.loader.exec_module(loaded)
        return loaded

    return module


def _assert_nothing_is_said(checked: CheckResult, layers: int) -> None:
    assert not checked.unread
    seen = [len(report.evidence.layers) for report in checked.reports if not report.is_empty]
    assert seen
    assert set(seen) == {layers}
    assert all(report.checked for report in checked.reports if not report.is_empty)
    assert not [each for each in checked.findings if each.severity is not Severity.INFO]


def test_graph_and_checkpoint_of_the_digits(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    leave = v1.Session.__exit__

    def saved_before(self: Any, *error: Any) -> Any:
        v1.train.Saver().save(self, str(tmp_path / "model.ckpt"))
        return leave(self, *error)

    monkeypatch.setattr(v1.Session, "__exit__", saved_before)
    load("tensorflow_digits.py").run(steps=60)

    assert (tmp_path / "model.ckpt.meta").exists()
    _assert_nothing_is_said(steadynorm.check(tmp_path, progress=False), layers=3)


def test_folder_of_the_estimator(load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    load("tensorflow_estimator_digits.py").run(str(tmp_path), steps=60)

    assert list(tmp_path.rglob("*.meta"))
    assert list(tmp_path.rglob("saved_model.pb"))
    _assert_nothing_is_said(steadynorm.check(tmp_path, progress=False), layers=2)


def test_checkpoint_of_the_inception_network() -> None:
    checked = steadynorm.check(EXAMPLES / "inception_v3_finetune" / "checkpoint", progress=False)

    _assert_nothing_is_said(checked, layers=94)
