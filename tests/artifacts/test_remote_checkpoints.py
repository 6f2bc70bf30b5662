"""Checkpoints in object stores: only the bytes of headers and statistics come over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from steadynorm.artifacts import source, tensorflow_bundle
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.artifacts.source import REMOTE_BLOCK, Source
from steadynorm.errors import UnusableInputError

DATA = Path(__file__).parents[1] / "data"
INCEPTION = DATA / "inception_v3"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket of moto's S3, with a checkpoint and a large safetensors file in it."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setitem(fsspec.config.conf, "s3", {"endpoint_url": f"http://{host}:{port}", "key": "k", "secret": "s"})
    files = fsspec.filesystem("s3")
    files.mkdir("models")
    for path in INCEPTION.iterdir():
        files.put(str(path), f"models/inception/{path.name}")
    files.pipe("models/large.safetensors", large())
    yield "s3://models"
    patch.undo()
    server.stop()


def large() -> bytes:
    """40 MB of weights around 4 × 32 bytes of normalization."""
    header: dict[str, Any] = {}
    at = 0
    for name, shape in (
        ("fc1.weight", [5_000_000]),
        *((f"bn.{role}", [8]) for role in ("weight", "bias", "running_mean", "running_var")),
        ("fc2.weight", [5_000_000]),
    ):
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * shape[0]]}
        at += 4 * shape[0]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + np.ones(at // 4, "<f4").tobytes()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    """All remote sources that are opened."""
    found: list[Source] = []

    def note(path: str) -> Source:
        found.append(source.open_source(path))
        return found[-1]

    monkeypatch.setattr("steadynorm.artifacts.formats.open_source", note)
    monkeypatch.setattr(tensorflow_bundle, "open_source", note)
    return found


def test_safetensors_on_s3(bucket: str, opened: list[Source]) -> None:
    evidence = evidence_of(read(f"{bucket}/large.safetensors"))

    (layer,) = evidence.layers
    assert layer.statistics is not None
    np.testing.assert_array_equal(layer.statistics.variance, np.ones(8))
    assert opened[0].size > 40_000_000
    assert opened[0].bytes_read <= 4 * REMOTE_BLOCK


@pytest.mark.parametrize("name", ["inception", "inception/model.ckpt", "inception/model.ckpt.index"])
def test_tensorflow_on_s3(bucket: str, name: str) -> None:
    near = evidence_of(read(INCEPTION)).layers
    far = evidence_of(read(f"{bucket}/{name}")).layers

    assert [each.name for each in far] == [each.name for each in near]
    for mine, theirs in zip(far, near, strict=True):
        assert mine.statistics is not None
        assert theirs.statistics is not None
        np.testing.assert_array_equal(mine.statistics.mean, theirs.statistics.mean)


@pytest.mark.parametrize("name", ["nothing", "inception/model.ckpt-9", "no/such/folder/"])
def test_what_is_not_there(bucket: str, name: str) -> None:
    with pytest.raises(UnusableInputError, match=f"{bucket}/{name}"):
        read(f"{bucket}/{name}")
