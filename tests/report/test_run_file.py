"""Run files: read as a monitor writes them, told in the terminal, and refused in one line where they are damaged."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.report.run import Loss, Run, Warned, read_run

HEAD = {"steadynorm": "0.1.0", "kind": "run", "framework": "torch", "model": "digits", "interval": 100}


def statistics(step: int, **shifts: float | None) -> dict[str, Any]:
    layers = {
        name: {"mean_shift": shift, "log_variance_ratio": 0.5, "decay": 0.9, "updates_per_step": 1.0}
        for name, shift in shifts.items()
    }
    return {"step": step, "kind": "statistics", "layers": layers}


def written(folder: Path, *lines: object, end: str = "\n") -> Path:
    path = folder / "run.jsonl"
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines) + end)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(
        written(
            tmp_path,
            HEAD,
            statistics(100, a=2.0, b=0.1),
            {"step": 100, "kind": "loss", "train": 1.5},
            {"step": 200, "kind": "warning", "code": "SN104", "message": "the average lags behind"},
            statistics(200, a=1.0, b=0.05),
            {"step": 200, "kind": "loss", "train": 1.0, "validation": 1.25},
            {"step": 150, "kind": "loss", "validation": 1.125},
            {"step": 200, "kind": "something of a later version"},
        )
    )


def test_everything_that_was_written_is_read(run: Run) -> None:
    assert (run.version, run.framework, run.model, run.interval, run.cut_off) == (
        "0.1.0",
        "torch",
        "digits",
        100,
        False,
    )
    assert list(run.layers) == ["a", "b"]
    assert list(run.layers["a"].steps) == [100, 200]
    assert list(run.layers["a"].shift) == [2.0, 1.0]
    assert list(run.layers["b"].log_ratio) == [0.5, 0.5]
    assert (run.layers["b"].decay, run.layers["b"].updates) == (0.9, 1.0)
    assert run.warnings == (Warned(200, "SN104", "the average lags behind"),)
    assert run.steps == 200


def test_losses_come_in_the_order_of_their_steps(run: Run) -> None:
    assert [each.step for each in run.losses] == [100, 150, 200]
    assert run.losses[2] == Loss(200, 1.0, 1.25)
    assert run.losses[1] == Loss(150, None, 1.125)


def test_loss_that_was_not_finite_is_said(tmp_path: Path) -> None:
    lost = [{"step": step, "kind": "loss", "train": None} for step in (300, 400)]
    run = read_run(written(tmp_path, HEAD, {"step": 200, "kind": "loss", "train": 0.5}, *lost))

    assert run.losses[1].validation is None
    assert "Training loss 0.500 at step 200. Training loss not finite at 2 steps, first at step 300." in " ".join(
        str(run).split()
    )


def test_layers_of_which_nothing_is_known_come_last(tmp_path: Path) -> None:
    run = read_run(written(tmp_path, HEAD, statistics(1, frozen=None, small=0.1, large=0.5)))
    text = str(run)

    assert text.index("large") < text.index("small") < text.index("frozen")


def test_what_is_not_known_is_nan_and_the_last_known_decay_stays(tmp_path: Path) -> None:
    unknown = {"step": 2, "kind": "statistics", "layers": {"a": {"mean_shift": None, "decay": None}}}
    course = read_run(written(tmp_path, HEAD, statistics(1, a=0.5), unknown)).layers["a"]

    assert course.shift[0] == 0.5
    assert math.isnan(course.shift[1])
    assert math.isnan(course.log_ratio[1])
    assert course.decay == 0.9


def test_terminal_begins_with_the_verdict(run: Run) -> None:
    text = " ".join(str(run).split())

    assert text.startswith("digits: 1 warning in 200 steps, first SN104 statistics-lag at step 200. 2 normalization")
    assert "SN104 at step 200 The average lags behind." in text
    assert "Training loss 1.00 at step 200. Validation loss 1.25 at step 200, lowest 1.12 at step 150." in text
    assert "a 1.00 0.500 2.00 at 100 1.00 b 0.0500 0.500 0.100 at 100 1.00" in text


def test_terminal_is_80_columns_wide_and_shows_no_more_than_that_many_layers(tmp_path: Path) -> None:
    layers = {f"backbone.stage{at}.blocks[0].some.long.name.bn": float(at) for at in range(30)}
    text = str(read_run(written(tmp_path, HEAD, statistics(100, **layers))))

    assert max(map(len, text.splitlines())) <= 80
    assert "and 18 layers with smaller distances." in text


def test_healthy_run_has_nothing_to_warn_of(tmp_path: Path) -> None:
    run = read_run(written(tmp_path, HEAD, statistics(1200, a=0.01)))

    assert str(run).startswith("digits: nothing to warn of in 1,200 steps.")


def test_run_that_has_just_begun_is_read(tmp_path: Path) -> None:
    run = read_run(written(tmp_path, HEAD))

    assert str(run).startswith("digits: nothing was measured.")
    assert "nothing was measured" in run.to_html()


def test_incomplete_last_line_is_left_out_and_said(tmp_path: Path) -> None:
    run = read_run(written(tmp_path, HEAD, statistics(1, a=0.5), '{"step": 2, "kind": "stat', end=""))

    assert list(run.layers["a"].steps) == [1]
    assert "The last line is incomplete" in " ".join(str(run).split())


def test_of_several_trainings_the_last_is_shown(tmp_path: Path) -> None:
    stopped = '{"step": 300, "kind": "stat'
    run = read_run(written(tmp_path, HEAD, statistics(200, a=2.0), stopped, HEAD, statistics(100, a=0.5)))

    assert list(run.layers["a"].steps) == [100]
    assert run.trainings == 2
    assert not run.cut_off
    assert "It is the last of 2 trainings in the file." in " ".join(str(run).split())


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("{", "its line 2 is not JSON"),
        ("[" * 100_000, "its line 2 is not JSON"),
        ("[]", "its line 2 is no JSON object"),
        ('{"kind": "loss", "train": 1}', 'its line 2 has no usable "step"'),
        ('{"kind": "loss", "step": true}', 'its line 2 has no usable "step"'),
        ('{"kind": "loss", "step": -1}', 'its line 2 has no usable "step"'),
        ('{"kind": "loss", "step": 1, "train": "1"}', 'its line 2 has a "train" that is no number'),
        ('{"kind": "statistics", "step": 1}', 'its line 2 has no "layers"'),
        ('{"kind": "statistics", "step": 1, "layers": {"a": 1}}', "its line 2 has no numbers for layer 'a'"),
        ('{"kind": "warning", "step": 1, "code": 1, "message": ""}', 'its line 2 has no "code"'),
    ],
)
def test_damaged_line_is_named(tmp_path: Path, line: str, wrong: str) -> None:
    path = written(tmp_path, HEAD, line, statistics(1))

    with pytest.raises(UnusableInputError) as error:
        read_run(path)
    assert f"{path} is damaged: {wrong}" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x80\x81\n", b'{"schema": "steadynorm-report/1"}\n', b"import torch\n"])
def test_other_files_are_no_run_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)

    with pytest.raises(UnusableInputError, match="other is no run file: its first line"):
        read_run(path)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=r"cannot read .*run.jsonl: No such file"):
        read_run(tmp_path / "run.jsonl")
