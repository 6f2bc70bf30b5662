"""A recorded loss: falling, at rest, and jumping without a trend; and where it is read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.experiments.curve import fluctuates, trend
from steadynorm.experiments.losses import read_losses

DRAW = np.random.default_rng(1)
STEPS = np.arange(400)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (2.3 * np.exp(-STEPS / 60), False),
        (2.3 * np.exp(-STEPS / 200) * DRAW.lognormal(0, 0.3, 400), False),  # noisy, and still falling
        (0.5 + DRAW.normal(0, 0.01, 400), False),  # at rest
        (1.5 + DRAW.normal(0, 0.5, 400), True),
        (np.where(STEPS % 2, 0.2, 3.0), True),  # from side to side
    ],
    ids=["smooth", "noisy", "rest", "noise", "zigzag"],
)
def test_only_a_loss_that_jumps_and_does_not_fall_fluctuates(losses: np.ndarray, expected: bool) -> None:
    seen = trend(losses)

    assert seen is not None
    assert fluctuates(seen) is expected


def test_numbers_of_a_zigzag_are_those_by_hand() -> None:
    seen = trend([1.0, 3.0] * 20)

    assert seen is not None
    assert seen.level == 2.0
    assert seen.jumps == pytest.approx(1.0)  # 2 up, 2 down, by the level 2
    assert seen.fall == pytest.approx(0.0)


def test_a_few_values_show_no_trend() -> None:
    assert trend([1.0, 2.0] * 9) is None
    assert trend([*[1.0, 2.0] * 9, *[float("nan")] * 10]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch,loss,val_loss\n0,2.5,2.6\n1,1.5,1.7\n", [2.5, 1.5]),
        ("val_loss,train_loss\n2.6,2.5\n1.7,1.5\n", [2.5, 1.5]),
        ("Wall time,Step,Value\n1.0,0,2.5\n2.0,1,1.5\n", [2.5, 1.5]),
        ("2.5\n1.5\n", [2.5, 1.5]),
        ("0,2.5\n1,1.5\n", [2.5, 1.5]),
        ("step,objective\n0,2.5\n1,\n2,1.5\n", [2.5, 1.5]),
    ],
)
def test_csv_files_as_tools_write_them(tmp_path: Path, text: str, expected: list[float]) -> None:
    path = tmp_path / "loss.csv"
    path.write_text(text)

    assert read_losses(path) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("a,b\n1,2\n", "has the columns a, b"), (b"\xff\xfe\x00", "not a CSV file")],
)
def test_a_csv_file_without_a_loss_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "loss.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(UnusableInputError, match=message):
        read_losses(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="there is no file"):
        read_losses(tmp_path / "none.csv")
    with pytest.raises(UnusableInputError, match="holds no TensorBoard event file"):
        read_losses(tmp_path)


def test_numbers_are_taken_as_they_are() -> None:
    assert read_losses(np.float32([1.5, 0.5])) == [1.5, 0.5]
