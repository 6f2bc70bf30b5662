"""Reports keep no arrays: what they say stays the same, and many models fit into memory."""

from __future__ import annotations

import gc
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import steadynorm
from steadynorm.condensing import condensed, digest_of
from steadynorm.evidence import Evidence, Layer, Statistics
from steadynorm.norm.config import NormConfig
from steadynorm.recorded import Stored
from steadynorm.report.json import as_object, written
from steadynorm.report.model import Origin, Report

LAYERS, CHANNELS, MODELS = 50, 512, 40
KIBIBYTES = 100
"""Per model of 50 layers; its arrays alone take 800."""


def layer(name: str, mean: float, variance: float = 1.0) -> Layer:
    statistics = Statistics(np.full(4, mean), np.full(4, variance), 7)
    return Layer(name, "BatchNorm2d", 4, NormConfig(decay=0.9), statistics, np.ones(4))


def save(path: Path) -> None:
    """A checkpoint of statistics in the format of safetensors, which needs no library."""
    random = np.random.default_rng(0)
    data, header = b"", {}
    for number in range(LAYERS):
        for name in ("weight", "bias", "running_mean", "running_var"):
            values = random.uniform(0.5, 1.5, CHANNELS).astype(np.float32).tobytes()
            place = [len(data), len(data) + len(values)]
            header[f"bn{number}.{name}"] = {"dtype": "F32", "shape": [CHANNELS], "data_offsets": place}
            data += values
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


@pytest.mark.parametrize(("mean", "before"), [(0.0, None), (0.5, None), (0.5, 0.5), (0.5, 0.25), (np.nan, np.nan)])
def test_report_says_the_same_without_the_arrays(mean: float, before: float | None) -> None:
    layers = (layer("a", mean), Layer("b", "BatchNorm2d", 4, NormConfig(), None))
    earlier = None if before is None else {"a": layer("a", before)}
    stored = Stored("PyTorch checkpoint", before=earlier, ranks={"rank1.pt": {"a": layer("a", 3.0)}})
    evidence = Evidence("torch", layers, stored=stored)
    whole, small = (
        Report("m.pt", each, origin=Origin("m.pt", ("m.pt",), "PyTorch checkpoint"))
        for each in (evidence, condensed(evidence))
    )

    assert str(small) == str(whole)
    assert written(as_object(small), None) == written(as_object(whole), None)
    assert small.evidence.layers[0].gamma is not None
    assert small.evidence.layers[0].beta is None
    assert small.evidence.layers[1].statistics is None
    assert condensed(small.evidence).layers[0].statistics == small.evidence.layers[0].statistics


def test_same_values_have_the_same_digest_and_others_another() -> None:
    def digest(mean: list[float], variance: list[float]) -> bytes:
        return digest_of(Statistics(np.array(mean), np.array(variance)))

    assert digest([0.0, np.nan], [1, 1]) == digest([-0.0, -np.nan], [1, 1])
    assert len({digest([0, 1], [1, 1]), digest([1, 0], [1, 1]), digest([0, 1], [1, 2]), digest([1, 1], [0, 1])}) == 4


def test_reports_of_many_models_are_small(tmp_path: Path) -> None:
    save(tmp_path / "0.safetensors")
    for number in range(1, MODELS):
        os.link(tmp_path / "0.safetensors", tmp_path / f"{number}.safetensors")
    paths = [tmp_path / f"{number}.safetensors" for number in range(MODELS)]
    steadynorm.check(paths[0])
    gc.collect()
    tracemalloc.start()
    try:
        result = steadynorm.check(paths)
        gc.collect()
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(result.reports) == MODELS
    assert all(len(report.evidence.layers) == LAYERS for report in result.reports)
    assert kept < MODELS * KIBIBYTES * 1024
    assert most - kept < 20 << 20
