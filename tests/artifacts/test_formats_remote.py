"""Keras, ONNX and Flax files behind a web server: only the ranges with the statistics are asked for."""

from __future__ import annotations

import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import msgpack
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.errors import UnusableInputError

LARGE = np.random.default_rng(0).random(4_000_000).astype(np.float32)  # 16 MB that nobody needs
STATE = {name: np.arange(1, 5, dtype=np.float32) + at for at, name in enumerate(("gamma", "beta", "mean", "variance"))}


class _Files(BaseHTTPRequestHandler):
    """A server of byte ranges."""

    folder: Path
    sent = 0

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        file = self.folder / self.path.lstrip("/")
        if not file.is_file():
            self.send_error(404)
            return
        data = file.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        self.send_response(206 if wanted else 200)
        if wanted:
            start, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(data)}")
            data = data[start : last + 1]
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            type(self).sent += len(data)  # before the client can look
            self.wfile.write(data)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    _Files.folder, _Files.sent = tmp_path, 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def weights_file(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = LARGE
        for at, values in enumerate(STATE.values()):
            file[f"layers/batch_normalization/vars/{at}"] = values
            file["layers/batch_normalization/vars"].attrs["name"] = "bn"


def keras_archive(path: Path) -> None:
    weights_file(path.with_name("model.weights.h5"))
    layers = [
        {"class_name": kind, "config": {"name": name}} for kind, name in (("Dense", "d"), ("BatchNormalization", "bn"))
    ]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": layers}}))
        file.write(path.with_name("model.weights.h5"), "model.weights.h5")


def onnx_model(path: Path) -> None:
    tensors = [numpy_helper.from_array(LARGE, "large")]
    tensors += [numpy_helper.from_array(values, name) for name, values in STATE.items()]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4, "h", "w"]) for name in "xy"]
    node = helper.make_node("BatchNormalization", ["x", *STATE], ["y"], name="bn")
    onnx.save(helper.make_model(helper.make_graph([node], "g", values[:1], values[1:], tensors)), path)


def flax_state(path: Path) -> None:
    def array(values: np.ndarray) -> msgpack.ExtType:
        return msgpack.ExtType(1, msgpack.packb((values.shape, values.dtype.name, values.tobytes())))

    tree = {
        "params": {
            "dense": {"kernel": array(LARGE)},
            "bn": {"scale": array(STATE["gamma"]), "bias": array(STATE["beta"])},
        },
        "batch_stats": {"bn": {"mean": array(STATE["mean"]), "var": array(STATE["variance"])}},
    }
    path.write_bytes(msgpack.packb(tree))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (weights_file, "a.weights.h5"),
        (keras_archive, "a.keras"),
        (onnx_model, "a.onnx"),
        (flax_state, "a.msgpack"),
    ],
)
def test_statistics_from_a_server(address: str, tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
    make(tmp_path / name)

    (layer,) = evidence_of(read(f"{address}/{name}")).layers

    assert layer.name == "bn"
    assert layer.statistics is not None
    np.testing.assert_array_equal(layer.statistics.mean, STATE["mean"])
    np.testing.assert_array_equal(layer.statistics.variance, STATE["variance"])
    assert (tmp_path / name).stat().st_size > LARGE.nbytes
    assert _Files.sent < 600_000


def test_a_file_that_is_not_there(address: str) -> None:
    with pytest.raises(UnusableInputError, match=r"nothing\.h5"):
        read(f"{address}/nothing.h5")


def test_values_beside_a_remote_model(address: str, tmp_path: Path) -> None:
    onnx_model(tmp_path / "whole.onnx")
    onnx.save(
        onnx.load(tmp_path / "whole.onnx"),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="m.bin",
        size_threshold=0,
    )

    (layer,) = evidence_of(read(f"{address}/m.onnx")).layers

    assert layer.statistics is not None
    np.testing.assert_array_equal(layer.statistics.mean, STATE["mean"])
    assert _Files.sent < 600_000
