"""Every format that is patched: its own library loads the new statistics, and no other byte differs."""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import msgpack
import numpy as np
import onnx
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from steadynorm import UnusableInputError, convert, take_statistics

CHANNELS = 5
RNG = np.random.default_rng(3)
MEAN, VARIANCE = RNG.normal(size=CHANNELS), RNG.uniform(0.1, 4.0, CHANNELS)

Arrays: TypeAlias = dict[str, np.ndarray]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, CHANNELS, 3)
        self.bn = nn.BatchNorm2d(CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(x))


def model() -> Net:
    """Trained weights, statistics at their initial values."""
    torch.manual_seed(0)
    net = Net().eval()
    nn.init.uniform_(net.bn.weight, 0.5, 2.0)
    return net


def of_torch(state: Mapping[str, Any]) -> Arrays:
    plain = {name: tensor.detach() for name, tensor in state.items()}
    return {name: np.asarray(each.float() if each.is_floating_point() else each) for name, each in plain.items()}


def torch_archive(path: Path) -> Callable[[Path], Arrays]:
    torch.save({"state_dict": model().state_dict(), "epoch": 3}, path)
    return lambda new: of_torch(torch.load(new, weights_only=True)["state_dict"])


def torch_mmap(path: Path) -> Callable[[Path], Arrays]:
    torch.save(model().state_dict(), path)
    return lambda new: of_torch(torch.load(new, weights_only=True, mmap=True))


def torch_legacy(path: Path) -> Callable[[Path], Arrays]:
    torch.save(model().state_dict(), path, _use_new_zipfile_serialization=False)
    return lambda new: of_torch(torch.load(new, weights_only=True))


def torch_half(path: Path) -> Callable[[Path], Arrays]:
    torch.save(model().bfloat16().state_dict(), path)
    return lambda new: of_torch(torch.load(new, weights_only=True))


def torchscript(path: Path) -> Callable[[Path], Arrays]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(model(), torch.zeros(1, 3, 8, 8)).save(str(path))  # type: ignore[no-untyped-call]

    def load(new: Path) -> Arrays:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return of_torch(torch.jit.load(str(new)).state_dict())  # type: ignore[no-untyped-call]

    return load


def exported(path: Path) -> Callable[[Path], Arrays]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(model(), (torch.zeros(1, 3, 8, 8),)), path)

    def load(new: Path) -> Arrays:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return of_torch(torch.export.load(new).state_dict)

    return load


def safetensors_file(path: Path) -> Callable[[Path], Arrays]:
    safetensors.torch.save_file(model().state_dict(), path, {"format": "pt"})
    return lambda new: dict(safetensors.numpy.load_file(new))


def flax(path: Path) -> Callable[[Path], Arrays]:
    def packed(values: np.ndarray) -> msgpack.ExtType:
        return msgpack.ExtType(1, msgpack.packb((values.shape, values.dtype.name, values.tobytes())))

    norm = {"mean": packed(np.zeros(CHANNELS, np.float32)), "var": packed(np.ones(CHANNELS, np.float32))}
    affine = {"scale": packed(np.full(CHANNELS, 1.5, np.float32)), "bias": packed(np.zeros(CHANNELS, np.float32))}
    path.write_bytes(msgpack.packb({"params": {"bn": affine}, "batch_stats": {"bn": norm}}))

    def load(new: Path) -> Arrays:
        state = msgpack.unpackb(new.read_bytes(), ext_hook=lambda _, data: msgpack.unpackb(data))
        leaves = {**state["params"]["bn"], **state["batch_stats"]["bn"]}
        names = {"mean": "bn.running_mean", "var": "bn.running_var"}
        return {names.get(name, name): np.frombuffer(each[2], each[1]) for name, each in leaves.items()}

    return load


def onnx_model(raw: bool) -> Callable[[Path], Callable[[Path], Arrays]]:
    def write(path: Path) -> Callable[[Path], Arrays]:
        values = {"scale": np.full(CHANNELS, 1.5), "b": np.ones(CHANNELS), "mean": np.zeros(CHANNELS)}
        values |= {"var": np.ones(CHANNELS), "w": RNG.normal(size=(300, 300))}
        initializers = [
            numpy_helper.from_array(each.astype(np.float32), name)
            if raw
            else helper.make_tensor(name, TensorProto.FLOAT, each.shape, each.ravel())
            for name, each in values.items()
        ]
        node = helper.make_node("BatchNormalization", ["x", "scale", "b", "mean", "var"], ["y"], name="bn")
        ends = [helper.make_tensor_value_info(each, TensorProto.FLOAT, [1, CHANNELS, 2, 2]) for each in "xy"]
        graph = helper.make_graph([node], "g", ends[:1], ends[1:], initializers)
        onnx.save(helper.make_model(graph), path)

        def load(new: Path) -> Arrays:
            loaded = onnx.load(new)
            onnx.checker.check_model(loaded)
            names = {"mean": "bn.running_mean", "var": "bn.running_var"}
            return {names.get(each.name, each.name): numpy_helper.to_array(each) for each in loaded.graph.initializer}

        return load

    return write


def fill_hdf5(file: h5py.File, order: str = "<") -> None:
    group = file.create_group("layers/batch_normalization/vars")
    for number, value in enumerate((1.5, 0.5, 0.0, 1.0)):
        group.create_dataset(str(number), data=np.full(CHANNELS, value, f"{order}f4"))
    file.create_dataset("layers/dense/vars/0", data=RNG.normal(size=(4, 4)).astype("f4"))


def read_hdf5(file: h5py.File) -> Arrays:
    names = {"2": "bn.running_mean", "3": "bn.running_var"}
    group = file["layers/batch_normalization/vars"]
    return {names.get(name, name): group[name][()] for name in group} | {"dense": file["layers/dense/vars/0"][()]}


def weights_h5(order: str) -> Callable[[Path], Callable[[Path], Arrays]]:
    def write(path: Path) -> Callable[[Path], Arrays]:
        with h5py.File(path, "w") as file:
            fill_hdf5(file, order)

        def load(new: Path) -> Arrays:
            with h5py.File(new) as file:
                return read_hdf5(file)

        return load

    return write


def keras_archive(path: Path) -> Callable[[Path], Arrays]:
    layers = [
        {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, CHANNELS]}},
        {"class_name": "BatchNormalization", "config": {"name": "bn", "axis": -1, "momentum": 0.9, "epsilon": 0.001}},
        {"class_name": "Dense", "config": {"name": "dense", "units": 4}},
    ]
    inside = path.with_suffix(".inner")
    with h5py.File(inside, "w") as file:
        fill_hdf5(file)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.5.0"}))
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": layers}}))
        archive.write(inside, "model.weights.h5")

    def load(new: Path) -> Arrays:
        with zipfile.ZipFile(new) as archive, archive.open("model.weights.h5") as opened, h5py.File(opened) as file:
            assert archive.testzip() is None
            return read_hdf5(file)

    return load


FORMATS = {
    "archive.pt": torch_archive,
    "mmap.pt": torch_mmap,
    "legacy.pt": torch_legacy,
    "bfloat16.pt": torch_half,
    "script.pt": torchscript,
    "exported.pt2": exported,
    "net.safetensors": safetensors_file,
    "state.msgpack": flax,
    "raw.onnx": onnx_model(True),
    "packed.onnx": onnx_model(False),
    "little.weights.h5": weights_h5("<"),
    "big.weights.h5": weights_h5(">"),
    "net.keras": keras_archive,
}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """The statistics that are to be taken."""
    path = tmp_path / "good.safetensors"
    names = ("bn.running_mean", "bn.running_var")
    safetensors.numpy.save_file(dict(zip(names, (MEAN, VARIANCE), strict=True)), path)
    return path


@pytest.fixture
def names(request: pytest.FixtureRequest) -> dict[str, str]:
    """A map where no suffix of the names is the same."""
    name = request.node.callspec.params["name"]
    return {"batch_normalization": "bn"} if name.endswith(".weights.h5") else {}


@pytest.mark.parametrize("name", FORMATS)
def test_its_own_library_loads_the_new_statistics(name: str, names: dict[str, str], good: Path, tmp_path: Path) -> None:
    old, new = tmp_path / name, tmp_path / f"new-{name}"
    load = FORMATS[name](old)
    before, original = load(old), digest(old)

    mended = take_statistics(old, good, new, names=_existing(old, names))

    after = load(new)
    tolerance = 2.0**-8 if "bfloat16" in name else 1e-6
    np.testing.assert_allclose(after["bn.running_mean"], MEAN, rtol=tolerance)
    np.testing.assert_allclose(after["bn.running_var"], VARIANCE, rtol=tolerance)
    assert set(after) == set(before)
    for each in set(before) - {"bn.running_mean", "bn.running_var"}:
        assert after[each].tobytes() == before[each].tobytes(), each
    assert digest(old) == original
    assert mended.files == (new,)
    np.testing.assert_allclose(mended.layers[0].variance, after["bn.running_var"], rtol=1e-7)


@pytest.mark.parametrize("name", FORMATS)
def test_no_other_byte_differs(name: str, names: dict[str, str], good: Path, tmp_path: Path) -> None:
    old, new = tmp_path / name, tmp_path / f"new-{name}"
    FORMATS[name](old)
    take_statistics(old, good, new, names=_existing(old, names))
    first, second = (np.frombuffer(path.read_bytes(), np.uint8) for path in (old, new))

    assert first.size == second.size
    differ = int(np.count_nonzero(first != second))
    width = 2 if "bfloat16" in name else 4
    # Two entries of an archive with a checksum in the directory and one beside; an archive of Keras has one.
    checksums = 2 * 2 * 4 if zipfile.is_zipfile(old) else 0
    assert CHANNELS < differ <= 2 * CHANNELS * width + checksums


@pytest.mark.parametrize("name", [name for name in FORMATS if name.endswith((".pt", ".pt2", ".keras"))])
def test_checksums_of_archives_are_right(name: str, names: dict[str, str], good: Path, tmp_path: Path) -> None:
    old, new = tmp_path / name, tmp_path / f"new-{name}"
    FORMATS[name](old)
    take_statistics(old, good, new, names=_existing(old, names))

    if zipfile.is_zipfile(new):
        with zipfile.ZipFile(new) as archive:
            assert archive.testzip() is None
    else:
        assert name == "legacy.pt"


@pytest.mark.parametrize("name", FORMATS)
def test_a_dry_run_writes_nothing(name: str, names: dict[str, str], good: Path, tmp_path: Path) -> None:
    old = tmp_path / name
    FORMATS[name](old)
    there = sorted(tmp_path.iterdir())

    mended = take_statistics(old, good, tmp_path / "new", names=_existing(old, names), dry_run=True)

    assert sorted(tmp_path.iterdir()) == there
    assert mended.files == ()
    np.testing.assert_allclose(mended.layers[0].mean, MEAN, rtol=2.0**-8)
    assert "nothing was written" in str(mended)


def test_what_the_type_rounds_is_said(good: Path, tmp_path: Path) -> None:
    torch_half(tmp_path / "half.pt")

    mended = take_statistics(tmp_path / "half.pt", good, tmp_path / "new.pt")

    [layer] = mended.layers
    assert layer.dtype == "bfloat16"
    assert 1e-4 < layer.rounding < 2.0**-7
    assert "bfloat16, which rounds" in str(mended)


def test_what_overflows_its_type_is_refused(tmp_path: Path) -> None:
    torch.save(model().half().state_dict(), tmp_path / "half.pt")
    far = {"bn.running_mean": MEAN, "bn.running_var": np.full(CHANNELS, 1e5)}
    safetensors.numpy.save_file(far, tmp_path / "far.safetensors")

    with pytest.raises(UnusableInputError, match="do not fit into float16"):
        take_statistics(tmp_path / "half.pt", tmp_path / "far.safetensors", tmp_path / "new.pt")
    assert not (tmp_path / "new.pt").exists()


def test_compressed_values_cannot_be_overwritten(good: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        group = file.create_group("layers/batch_normalization/vars")
        for number, value in enumerate((1.5, 0.5, 0.0, 1.0)):
            group.create_dataset(str(number), data=np.full(CHANNELS, value, "f4"), compression="gzip")

    with pytest.raises(UnusableInputError, match="cannot be overwritten where they are in a Keras weights"):
        take_statistics(tmp_path / "net.weights.h5", good, tmp_path / "new.h5", names={"batch_normalization": "bn"})
    assert not (tmp_path / "new.h5").exists()


def test_orbax_is_converted_instead(good: Path, tmp_path: Path) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    (tmp_path / "orbax").mkdir()
    for name, values in (("mean", np.zeros(CHANNELS)), ("var", np.ones(CHANNELS))):
        base = {"driver": "file", "path": f"{tmp_path}/orbax/"}
        store = {"driver": "ocdbt", "base": base, "path": f"batch_stats.bn.{name}/"}
        spec = {"driver": "zarr", "kvstore": store}
        array = tensorstore.open(spec, create=True, dtype=np.float32, shape=values.shape).result()
        array.write(values.astype(np.float32)).result()

    with pytest.raises(UnusableInputError, match=r"steadynorm convert CHECKPOINT OUT\.safetensors"):
        take_statistics(tmp_path / "orbax", good, tmp_path / "new")

    convert(tmp_path / "orbax", tmp_path / "plain.safetensors")
    take_statistics(tmp_path / "plain.safetensors", good, tmp_path / "new.safetensors")
    loaded = safetensors.numpy.load_file(tmp_path / "new.safetensors")
    np.testing.assert_allclose(loaded["bn.running_mean"], MEAN, rtol=1e-6)


def test_shards_are_patched_in_a_new_folder(good: Path, tmp_path: Path) -> None:
    state = {name: tensor.contiguous() for name, tensor in model().state_dict().items()}
    folder = tmp_path / "shards"
    folder.mkdir()
    parts = {"a.safetensors": ["conv.weight", "conv.bias", "bn.running_mean"]}
    parts["b.safetensors"] = [name for name in state if name not in parts["a.safetensors"]]
    for file, members in parts.items():
        safetensors.torch.save_file({name: state[name] for name in members}, folder / file)
    weight_map = {name: file for file, members in parts.items() for name in members}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))

    mended = take_statistics(folder / "model.safetensors.index.json", good, tmp_path / "new")

    loaded: Arrays = {}
    for file in parts:
        loaded |= safetensors.numpy.load_file(tmp_path / "new" / file)
    np.testing.assert_allclose(loaded["bn.running_mean"], MEAN, rtol=1e-6)
    np.testing.assert_allclose(loaded["bn.running_var"], VARIANCE, rtol=1e-6)
    assert {path.name for path in mended.files} == {*parts, "model.safetensors.index.json"}
    assert {path.name for path in (tmp_path / "new").iterdir()} == {*parts, "model.safetensors.index.json"}


def test_onnx_with_its_values_in_another_file(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    load = onnx_model(True)(folder / "net.onnx")
    loaded = onnx.load(folder / "net.onnx")
    (folder / "net.onnx").unlink()
    onnx.save(loaded, folder / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)

    take_statistics(folder / "net.onnx", good, tmp_path / "new")

    found = load(tmp_path / "new" / "net.onnx")
    np.testing.assert_allclose(found["bn.running_mean"], MEAN, rtol=1e-6)
    assert (tmp_path / "new" / "net.onnx").read_bytes() == (folder / "net.onnx").read_bytes()


def test_shared_statistics_are_not_overwritten_for_others(good: Path, tmp_path: Path) -> None:
    state = model().state_dict()
    flat = torch.zeros(2 * CHANNELS)
    flat[CHANNELS:] = 1.0
    state["bn.running_mean"], state["bn.running_var"] = flat[:CHANNELS], flat[CHANNELS:]
    state["head.centers"] = flat
    torch.save(state, tmp_path / "net.pt")

    with pytest.raises(UnusableInputError, match=r"'head\.centers' shares the bytes"):
        take_statistics(tmp_path / "net.pt", good, tmp_path / "new.pt")


def _existing(path: Path, names: dict[str, str]) -> dict[str, str]:
    """The map, with the name that the layer has in this file."""
    if not names:
        return names
    from steadynorm.artifacts.formats import read
    from steadynorm.artifacts.layers import layers_of

    return {layer.name: "bn" for layer in layers_of(read(path)).layers}
