"""How the commands are run, and models of one layer for them to check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from steadynorm import cli


class Run:
    """Runs a command in the working directory, in this process or in its own."""

    def __call__(self, *arguments: object) -> Result:
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])

    def process(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "steadynorm", *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    def flat(self, result: Result) -> str:
        """What stdout says, on one line."""
        return " ".join(result.stdout.split())

    def only_line(self, result: Result) -> str:
        """What stderr says, which must be one line; stdout must be empty."""
        assert result.stdout == ""
        lines = result.stderr.strip().splitlines()
        assert len(lines) == 1, result.stderr
        return lines[0]


class Models:
    """The tensors of models, healthy and not, and how they become files."""

    def __init__(self) -> None:
        self.healthy = {
            "conv.weight": np.full((4, 3), 0.5, np.float32),
            "bn.weight": np.array([1.5, 0.5, 2.0, 1.0], np.float32),
            "bn.bias": np.array([0.5, -0.5, 0.25, 0.0], np.float32),
            "bn.running_mean": np.array([0.5, 0.25, -0.5, 1.0], np.float32),
            "bn.running_var": np.array([0.5, 2.0, 1.5, 0.75], np.float32),
            "bn.num_batches_tracked": np.array(1000, np.int64),
        }
        self.not_finite = {**self.healthy, "bn.running_mean": np.array([0.5, np.nan, -0.5, 1.0], np.float32)}
        self.dead = {**self.healthy, "bn.weight": np.array([1.5, 0.0, 2.0, 1.0], np.float32)}
        self.plain = {"linear.weight": np.ones((2, 2), np.float32)}

    def save(self, path: Path, tensors: Mapping[str, np.ndarray]) -> Path:
        """Writes a safetensors file, by its specification."""
        path.parent.mkdir(parents=True, exist_ok=True)
        header, data = {}, b""
        for name, values in tensors.items():
            raw = values.tobytes()
            header[name] = {
                "dtype": {"float32": "F32", "int64": "I64"}[values.dtype.name],
                "shape": list(values.shape),
                "data_offsets": [len(data), len(data) + len(raw)],
            }
            data += raw
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data)
        return path


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the command runs; no pyproject.toml above it has settings."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
