"""Keras programs that make one mistake, and healthy twins: what is said of the source and of the file is what happens.

Each is run. The head of a program names the codes that its source and its file show, and the facts that are measured
here of the run, with Keras and NumPy alone.
"""

from __future__ import annotations

import importlib.util
import io
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import steadynorm
from steadynorm.checks.registry import run
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding
from steadynorm.source.reader import read
from steadynorm.source.reading.files import read_source

PROGRAMS = Path(__file__).parents[1] / "agreement" / "keras_programs"
HEAD = re.compile(r"^# (source|stored|measured):(.*)$", re.MULTILINE)
NAMES = sorted(each.stem for each in PROGRAMS.glob("sn*.py"))
BATCH = 32

pytestmark = pytest.mark.filterwarnings("ignore")  # a warning of a program is its own affair


def _expected(name: str) -> dict[str, set[str]]:
    return {kind: set(words.split()) for kind, words in HEAD.findall((PROGRAMS / f"{name}.py").read_text("utf-8"))}


def _codes(findings: Any) -> set[str]:
    return {each.code for each in findings}


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Programs import the data from the file beside them, and print."""
    with monkeypatch.context() as patch:
        patch.syspath_prepend(PROGRAMS)
        patch.delitem(sys.modules, "blobs", raising=False)
        keras.utils.set_random_seed(0)
        yield


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"keras_program_{name}", PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _norm(model: Any) -> Any:
    """The normalization layer, also where Keras does not know of it."""
    layers = [each for each in model._flatten_layers() if isinstance(each, keras.layers.BatchNormalization)]
    if not layers:
        layers = [model.block.norm]
    (found,) = layers
    return found


def _statistics(norm: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.array(norm.moving_mean, np.float64), np.array(norm.moving_variance, np.float64)


def _arrays(path: Path) -> list[np.ndarray]:
    """All arrays in a file, by the libraries that wrote them."""
    data: Any = path
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            data = io.BytesIO(archive.read("model.weights.h5"))
    found: list[np.ndarray] = []
    with h5py.File(data) as file:
        file.visititems(lambda _, each: found.append(each[()]) if isinstance(each, h5py.Dataset) else None)
    return found


def _fed(model: Any, norm: Any, points: np.ndarray) -> np.ndarray:
    """What the layer is given when the model is asked in inference mode."""
    given: list[Any] = []
    call = type(norm).call

    def noted(self: Any, inputs: Any, *args: Any, **options: Any) -> Any:
        given.append(np.array(inputs, np.float64))
        return call(self, inputs, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(norm), "call", noted)
        model(points, training=False)
    return given[0]


def _facts(module: ModuleType, model: Any, path: Path) -> Iterator[str]:
    """What can be seen of a run without knowing its source."""
    points, _ = module.load()
    norm = _norm(model)
    mean, variance = _statistics(norm)
    if not mean.any() and np.all(variance == 1):
        yield "still"
    if not any(each.shape == mean.shape and np.array_equal(each, mean) for each in _arrays(path)):
        yield "unsaved"
    before = path.with_name("before.keras")
    if before.exists():
        earlier = _norm(keras.saving.load_model(before))
        if np.array_equal(earlier.gamma, norm.gamma) and not np.array_equal(_statistics(earlier)[0], mean):
            yield "drifted"

    fed = _fed(model, norm, points)
    spread = fed.std(0)
    shift, ratio = np.abs(fed.mean(0) - mean) / spread, np.abs(np.log(variance / spread**2))
    if np.median(shift) > 0.5 or np.median(ratio) > 0.5:
        yield "off"
    # The mean of one batch is off by its standard error, an average of many batches by less than half of that.
    elif np.sqrt(np.mean(shift**2)) > 0.5 / np.sqrt(BATCH):
        yield "noisy"

    asked, others = points[:8], points[-8:] + 5.0
    alone = module.predict(model, np.concatenate([asked, asked]))[:8]
    beside = module.predict(model, np.concatenate([asked, others]))[:8]
    if not np.allclose(alone, beside, rtol=1e-3, atol=1e-4):
        yield "by-batch"
    mean = _statistics(norm)[0]
    module.predict(model, points)
    if not np.array_equal(mean, _statistics(norm)[0]):
        yield "moves"
    if _has_idle_bias(model, points):
        yield "idle-bias"


def _has_idle_bias(model: Any, points: np.ndarray) -> bool:
    """Whether the output in training mode stays the same when some layer's bias becomes another one."""
    biases = [each for each in model.trainable_variables if each.name == "bias"]
    for each in biases:
        value = np.array(each)
        outputs = []
        for offset in (0.0, 1.0):
            keras.utils.set_random_seed(1)  # the same units are dropped
            each.assign(value + offset)
            outputs.append(np.array(model(points, training=True)))
        if np.allclose(*outputs, rtol=1e-3, atol=1e-3):
            return True
    return False


def _of_source(name: str) -> list[Finding]:
    files = [read_source(str(PROGRAMS / f"{each}.py")) for each in (name, "blobs")]
    return run(Evidence("source", (), program=read([each for each in files if each is not None])))[0]


@pytest.mark.parametrize("name", NAMES)
def test_source_file_and_run_show_what_the_head_says(name: str, tmp_path: Path) -> None:
    module, expected = _module(name), _expected(name)
    path = tmp_path / f"model{_suffix(name)}"
    model = module.main(path)
    stored = steadynorm.check(path, progress=False)

    assert set(_facts(module, model, path)) == expected["measured"]
    assert _codes(_of_source(name)) == expected["source"]
    assert not stored.unread
    assert _codes(found for report in stored.reports for found in report.findings) == expected["stored"]


def _suffix(name: str) -> str:
    """The suffix of the file that the program's way of saving writes."""
    text = (PROGRAMS / f"{name}.py").read_text("utf-8")
    return ".h5" if "h5py" in text else ".weights.h5" if ".save_weights(" in text else ".keras"


def test_every_program_has_a_twin_of_which_nothing_is_said() -> None:
    broken = {name for name in NAMES if not name.endswith("_healthy")}

    assert all(f"{name}_healthy" in NAMES for name in broken)
    assert len(broken) >= 10
    for name in broken:
        assert _expected(name)["source"]
        assert not any(_expected(f"{name}_healthy").values())
