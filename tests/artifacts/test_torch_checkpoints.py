"""Files that torch.save writes, against torch.load."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from steadynorm.artifacts.formats import read
from steadynorm.artifacts.source import open_source
from steadynorm.artifacts.torch_archive import read as read_archive
from steadynorm.errors import UnusableInputError

torch = pytest.importorskip("torch")
nn = torch.nn

TYPES = [
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
    "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128",
]  # fmt: skip

formats = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.downsample(x))


def resnet18(width: int = 8) -> Any:
    """As torchvision's, with fewer channels."""
    layers = [nn.Sequential(Block(width, width, 1), Block(width, width, 1))]
    for k in (width, 2 * width):
        layers.append(nn.Sequential(Block(k, 2 * k, 2), Block(2 * k, 2 * k, 1)))
    model = nn.Module()
    model.conv1, model.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
    for number, layer in enumerate(layers, start=1):
        model.add_module(f"layer{number}", layer)
    model.fc = nn.Linear(width * 4, 10)
    return model


def small() -> Any:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))


def trained(model: Any, optimizer: Any, steps: int = 3) -> Any:
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 3, 4, 4)).sum().backward()
        optimizer.step()
    return optimizer


def as_numpy(tensor: Any) -> np.ndarray:
    tensor = tensor.detach().resolve_conj().resolve_neg()
    lacking = tensor.dtype == torch.bfloat16 or "float8" in str(tensor.dtype)
    return (tensor.float() if lacking else tensor).numpy()


def assert_holds(path: Path, expected: dict[str, Any]) -> None:
    """Every tensor of the file is the expected one, to the byte."""
    contents = read(path)
    assert list(contents.tensors) == list(expected)
    for name, tensor in contents.tensors.items():
        truth = as_numpy(expected[name])
        values = tensor.load()
        assert tensor.shape == values.shape == truth.shape
        assert tensor.dtype == str(expected[name].dtype).removeprefix("torch.")
        assert values.dtype == truth.dtype
        assert values.tobytes() == truth.tobytes(), name


@formats
@pytest.mark.parametrize("model", [small, resnet18])
def test_state_dicts(tmp_path: Path, model: Any, zipped: bool) -> None:
    path = tmp_path / "model.pt"
    torch.save(model().state_dict(), path, _use_new_zipfile_serialization=zipped)

    assert_holds(path, torch.load(path, weights_only=True))


@formats
def test_types(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "types.pt"
    random = torch.randn(3, 5) * 8
    whole = (random.abs() * 10).to(torch.uint8)
    # The old format has a class of storages for each type, and none for the new types.
    types = [name for name in TYPES if zipped or not name.startswith(("float8", "uint16", "uint32", "uint64"))]
    saved = {name: (whole if "int" in name else random).to(getattr(torch, name)) for name in types}
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)

    assert_holds(path, torch.load(path, weights_only=True))


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"])
def test_every_8_bit_float(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "all.pt"
    torch.save({"all": torch.arange(256, dtype=torch.uint8).view(getattr(torch, dtype))}, path)

    np.testing.assert_array_equal(
        read(path).tensors["all"].load(), torch.load(path, weights_only=True)["all"].float().numpy()
    )


@formats
def test_views_of_shared_storages(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "views.pt"
    base = torch.arange(60, dtype=torch.float32).reshape(5, 12)
    saved = {
        "whole": base, "transposed": base.t(), "column": base[:, 3], "row": base[2], "part": base[1:4, 2:11:3],
        "deep": base.view(5, 3, 4).permute(2, 0, 1), "scalar": base[4, 11], "empty": base[:0],
        "none": torch.zeros(2, 0),
        "repeated": base[0, :1].expand(7), "parameter": nn.Parameter(base[1]), "flag": base > 30,
    }  # fmt: skip
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)

    assert_holds(path, saved)


def test_complex_conjugates_and_negatives(tmp_path: Path) -> None:
    base = torch.randn(4, dtype=torch.complex64)
    for value in (base.conj(), base.conj().imag, torch._neg_view(base)):
        torch.save({"a": value}, tmp_path / "bits.pt")
        assert_holds(tmp_path / "bits.pt", {"a": value})


@pytest.mark.parametrize("protocol", range(2, 6))
def test_protocols(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.pt"
    state = small().state_dict()
    torch.save({"state_dict": state, "epoch": 3, "name": "é"}, path, pickle_protocol=protocol)

    assert_holds(path, state)
    assert read(path).facts["values"] == {"epoch": 3, "name": "é"}


def test_big_endian(tmp_path: Path) -> None:
    """The same values, with every number's bytes the other way round and the archive's note changed."""
    path = tmp_path / "big.pt"
    state = {"a": torch.randn(3, 4), "b": torch.arange(5), "c": torch.randn(3, dtype=torch.complex128)}
    state["d"] = torch.randn(3, 2).bfloat16()
    torch.save(state, path)
    swapped = tmp_path / "swapped.pt"
    widths = {"0": 4, "1": 8, "2": 8, "3": 2}
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(swapped, "w") as new:
        for entry in old.infolist():
            data, key = old.read(entry), entry.filename.rpartition("/")[2]
            if "/data/" in entry.filename:
                data = np.frombuffer(data, f"u{widths[key]}").byteswap().tobytes()
            elif key == "byteorder":
                data = b"big"
            new.writestr(entry.filename, data)

    assert_holds(swapped, state)


def test_meta_tensors_have_a_shape_and_no_values(tmp_path: Path) -> None:
    path = tmp_path / "meta.pt"
    torch.save({"a": torch.zeros(2), "away": torch.empty(3, 4, device="meta")}, path)
    tensors = read(path).tensors

    assert tensors["away"].shape == (3, 4)
    with pytest.raises(UnusableInputError, match="'away' cannot be read: it is on the meta device"):
        tensors["away"].load()


def test_quantized_and_sparse_tensors_do_not_stand_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "quantized.pt"
    with _quiet():
        quantized = torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8)
    torch.save({"a": torch.zeros(2), "q": quantized, "s": torch.eye(3).to_sparse()}, path)
    tensors = read(path).tensors

    assert tensors["a"].load().tolist() == [0, 0]
    with pytest.raises(UnusableInputError, match="'q' cannot be read: it is quantized"):
        tensors["q"].load()


def _quiet() -> Any:
    return warnings.catch_warnings(action="ignore")


# Nested checkpoints


@formats
def test_a_training_loop_s_checkpoint(tmp_path: Path, zipped: bool) -> None:
    path, model = tmp_path / "last.pth", small()
    optimizer = trained(model, torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-4), steps=5)
    torch.save(
        {"epoch": 2, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
         "rng": torch.get_rng_state(), "losses": [0.5] * 1000, "args": argparse.Namespace(lr=0.1)},
        path, _use_new_zipfile_serialization=zipped,
    )  # fmt: skip
    contents = read(path)

    assert list(contents.tensors) == list(model.state_dict())
    assert (contents.steps, contents.steps_from) == (5, "optimizer_state_dict.state[*].step")
    assert contents.facts["root"] == "model_state_dict"
    assert contents.facts["param_groups"][0]["weight_decay"] == 1e-4
    assert contents.facts["param_groups"][0]["params"] == (0, 1, 2, 3, 4, 5)
    assert contents.facts["foreign"] == ("argparse.Namespace",)


def test_lightning(tmp_path: Path) -> None:
    path, model = tmp_path / "epoch=1.ckpt", small()
    optimizer = trained(model, torch.optim.SGD(model.parameters(), lr=0.01))
    state = OrderedDict((f"net.{name}", value) for name, value in model.state_dict().items())
    torch.save(
        {"epoch": 1, "global_step": 1250, "pytorch-lightning_version": "2.4.0", "state_dict": state,
         "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 2}}}},
         "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.3), "best_k": {}}},
         "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [], "hyper_parameters": {"lr": 0.01}},
        path,
    )  # fmt: skip
    contents = read(path)

    assert list(contents.tensors) == list(state)
    assert (contents.steps, contents.steps_from) == (1250, "global_step")
    assert contents.facts["values"]["hyper_parameters.lr"] == 0.01


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ({"meta": {"iter": 70, "epoch": 2}}, (70, "meta.iter")),
        ({"trainer": {"iteration": 12}}, (12, "trainer.iteration")),
        ({"iteration": np.int64(9)}, (9, "iteration")),
        ({"step": torch.tensor(31)}, (31, "step")),
        ({"epoch": 4}, (None, None)),
        ({"step": float("nan")}, (None, None)),
        ({"step": -1}, (None, None)),
        ({"step": True}, (None, None)),
    ],
)
def test_steps_that_other_loops_write_down(tmp_path: Path, saved: dict[str, Any], expected: Any) -> None:
    path = tmp_path / "c.pt"
    torch.save({"state_dict": small().state_dict(), **saved}, path)
    contents = read(path)

    assert (contents.steps, contents.steps_from) == expected
    assert list(contents.tensors) == list(small().state_dict())


def test_averaged_copies_keep_their_place_beside_the_model(tmp_path: Path) -> None:
    path, model = tmp_path / "timm.pth.tar", small()
    averaged = torch.optim.swa_utils.AveragedModel(model)
    torch.save({"state_dict": model.state_dict(), "state_dict_ema": averaged.state_dict()}, path)
    contents = read(path)

    names = list(model.state_dict())
    assert list(contents.tensors) == [*names, *(f"state_dict_ema.{name}" for name in averaged.state_dict())]
    assert contents.facts["copies"] == {"state_dict_ema": ""}
    assert contents.facts["averaged"] == ("state_dict_ema",)


def test_two_models_in_one_file_keep_their_names_apart(tmp_path: Path) -> None:
    path = tmp_path / "gan.pt"
    torch.save({"generator": small().state_dict(), "critic": small().state_dict()}, path)

    names = list(small().state_dict())
    assert list(read(path).tensors) == [f"{part}.{name}" for part in ("generator", "critic") for name in names]


def test_a_file_with_only_an_average_is_that_model(tmp_path: Path) -> None:
    path = tmp_path / "ema.pt"
    torch.save({"ema": small().state_dict()}, path)

    assert list(read(path).tensors) == list(small().state_dict())


def test_data_parallel_names_stay(tmp_path: Path) -> None:
    path = tmp_path / "ddp.pt"
    torch.save(nn.DataParallel(small()).state_dict(), path)

    assert "module.1.running_mean" in read(path).tensors


def test_numpy_arrays_among_the_tensors(tmp_path: Path) -> None:
    path = tmp_path / "converted.pth"
    arrays = {
        "small.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "large.weight": np.random.default_rng(0).random((300, 200)),
    }
    arrays["fortran.weight"] = np.asfortranarray(arrays["large.weight"][:30])
    arrays["big.weight"] = np.arange(5, dtype=">i4")
    for protocol in (2, 4, 5):
        torch.save({**arrays, "t.weight": torch.zeros(2)}, path, pickle_protocol=protocol)
        tensors = read(path).tensors
        for name, array in arrays.items():
            np.testing.assert_array_equal(tensors[name].load(), array)


# Whole modules


@formats
def test_a_whole_module_is_read_by_names(tmp_path: Path, zipped: bool) -> None:
    path, model = tmp_path / "whole.pt", resnet18()
    model.bn1.eval()
    model.fc.weight.requires_grad_(False)
    with _quiet():
        torch.save(model, path, _use_new_zipfile_serialization=zipped)
    contents = read(path)

    state = model.state_dict()
    assert set(contents.tensors) == set(state)
    for name, tensor in contents.tensors.items():
        assert tensor.load().tobytes() == state[name].numpy().tobytes()
    assert contents.format.endswith("a whole PyTorch module, read by names, nothing was loaded")
    found = contents.facts["modules"]["layer1.0.bn2"]
    expected = {"class": "torch.nn.modules.batchnorm.BatchNorm2d", "eps": 1e-3, "momentum": 0.01, "training": True}
    assert expected.items() <= found.items()
    assert found["track_running_stats"] is True
    assert contents.facts["modules"]["bn1"]["training"] is False
    assert contents.facts["kinds"]["bn1"] == "BatchNorm2d"
    assert contents.facts["untrained"] == ("fc.weight",)


def test_a_whole_module_whose_class_is_not_there(tmp_path: Path) -> None:
    """It is saved by another process, so that nothing of it can be imported here."""
    path = tmp_path / "whole.pt"
    code = """
import sys, torch
class Gone(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = torch.nn.BatchNorm1d(3)
torch.save({"epoch": 3, "model": Gone()}, sys.argv[1])
"""
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    contents = read(path)

    assert list(contents.tensors) == [
        "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked",
    ]  # fmt: skip
    assert contents.facts["foreign"] == ("__main__.Gone",)


def test_a_pickle_without_tensors_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "args.pt"
    torch.save({"args": argparse.Namespace(lr=0.1)}, path)

    with pytest.raises(UnusableInputError, match=r"args\.pt: is a pickle without tensors.*import argparse\.Namespace"):
        read(path)


# How it is read


def test_the_readers_import_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(small().state_dict(), path)
    code = (
        "import sys\nfrom steadynorm.artifacts.formats import read\n"
        "[each.load() for each in read(sys.argv[1]).tensors.values()]\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_only_the_bytes_of_a_tensor_are_read(tmp_path: Path) -> None:
    path = tmp_path / "large.pt"
    torch.save({"bn.running_mean": torch.zeros(64), "fc.weight": torch.zeros(1000, 1000)}, path)
    source = open_source(path)
    contents = read_archive(source)
    before = source.bytes_read
    contents.tensors["bn.running_mean"].load()

    assert source.bytes_read - before == 256
    assert source.bytes_read < 10_000


def test_a_remote_file_is_read_in_ranges() -> None:
    buffer = io.BytesIO()
    state = {f"{n}.{name}": torch.ones(64) for n in range(20) for name in ("running_mean", "running_var")}
    for n in range(20):
        state[f"{n}.conv.weight"] = torch.zeros(500_000)
    torch.save(state, buffer)
    fsspec.filesystem("memory").pipe("/model.pt", buffer.getvalue())
    source = open_source("memory://model.pt")
    tensors = read_archive(source).tensors

    assert sum(float(tensors[f"{n}.running_var"].load().sum()) for n in range(20)) == 20 * 64
    assert source.size > 40e6
    assert source.bytes_read < 1.5e6


def test_a_view_reads_only_its_part_of_a_storage(tmp_path: Path) -> None:
    path = tmp_path / "arena.pt"
    arena = torch.zeros(1_000_000)
    torch.save({"a.weight": arena[5000:5010], "b.weight": arena[:10]}, path)
    source = open_source(path)
    contents = read_archive(source)
    before = source.bytes_read
    contents.tensors["a.weight"].load()

    assert source.bytes_read - before == 40


def test_a_file_object_s_archive_has_another_folder(tmp_path: Path) -> None:
    """Saved to a file object, the folder in the archive is called archive, whatever the file is called."""
    buffer = io.BytesIO()
    torch.save(small().state_dict(), buffer)
    path = tmp_path / "model.bin"
    path.write_bytes(buffer.getvalue())

    assert_holds(path, torch.load(path, weights_only=True))
