"""Checkpoints of every age, against TensorFlow's own reader and the values that were saved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.formats import read
from steadynorm.errors import UnusableInputError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1

DATA = Path(__file__).parents[1] / "data"
REAL = ["inception_v3", "corpus/03-updates-fetched-by-hand", "corpus/06-dense-net"]
DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "int64", "bool"]

NOT_IN_V1 = ["bfloat16"]


@pytest.mark.parametrize("name", REAL)
def test_real_checkpoints(name: str) -> None:
    prefix = str(DATA / name / "model.ckpt")
    truth = tf.train.load_checkpoint(prefix)
    contents = read(prefix)

    shapes = truth.get_variable_to_shape_map()
    assert {each.name: list(each.shape) for each in contents.tensors.values()} == shapes
    for tensor in contents.tensors.values():
        np.testing.assert_array_equal(tensor.load(), truth.get_tensor(tensor.name))
    assert contents.facts["missing"] == ()


@pytest.mark.parametrize("file", ["", "model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001"])
def test_each_way_to_name_a_checkpoint(file: str) -> None:
    assert len(read(DATA / "inception_v3" / file).tensors) == 569


class Saved:
    """A checkpoint that a `tf.compat.v1.train.Saver` wrote, with the values that went into it."""

    def __init__(self, folder: Path, version: int, sharded: bool) -> None:
        random = np.random.default_rng(0)
        self.values: dict[str, np.ndarray] = {}
        with v1.Graph().as_default(), v1.Session(config=v1.ConfigProto(device_count={"CPU": 2})) as session:
            variables = []
            dtypes = [dtype for dtype in DTYPES if version == 2 or dtype not in NOT_IN_V1]
            for dtype in dtypes:
                values = random.integers(0, 2 if dtype == "bool" else 100, (3, 5))
                values = values.astype(getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype)
                with v1.device(f"/cpu:{len(variables) % 2}"):
                    variables.append(v1.get_variable(dtype, initializer=values, use_resource=version == 2))
                self.values[dtype] = values.astype("float32") if dtype == "bfloat16" else values
            for axis, shape in ((0, (7, 2)), (1, (2, 100))):
                partitioner = v1.fixed_size_partitioner(3, axis=axis)
                with v1.device("/cpu:0"):
                    variables.append(v1.get_variable(f"scope/partitioned{axis}", shape, partitioner=partitioner))
            variables.append(v1.get_variable("scalar", initializer=np.int64(7)))
            variables.append(v1.get_variable("large/" + "n" * 300, (300, 70)))
            session.run(v1.global_variables_initializer())
            for each in variables[len(dtypes) :]:
                self.values[each.name.removesuffix(":0")] = session.run(v1.convert_to_tensor(each))
            saver = v1.train.Saver(variables, write_version=version, sharded=sharded)
            self.prefix = saver.save(session, str(folder / "model.ckpt"), global_step=12, write_meta_graph=False)
        self.folder = folder


@pytest.fixture(scope="module", params=["V1", "V1 sharded", "V2", "V2 sharded"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(tmp_path_factory.mktemp("saved"), int(request.param[1]), "sharded" in request.param)


def equal(contents: Contents, values: dict[str, np.ndarray]) -> None:
    assert {name: tensor.shape for name, tensor in contents.tensors.items()} == {
        name: value.shape for name, value in values.items()
    }
    for name, value in values.items():
        np.testing.assert_array_equal(contents.tensors[name].load(), value, err_msg=name)


def test_every_version_sharded_and_partitioned(saved: Saved) -> None:
    equal(read(saved.folder), saved.values)
    equal(read(saved.prefix.replace("-?????-of-00003", "")), saved.values)


def test_a_folder_that_was_moved(saved: Saved, tmp_path: Path) -> None:
    shutil.copytree(saved.folder, tmp_path / "moved")
    state = tmp_path / "moved" / "checkpoint"
    text = state.read_text().replace(str(saved.folder), "/home/somebody/training")
    state.write_text(text)
    assert 'model_checkpoint_path: "/home/somebody/training/model.ckpt-12' in text

    equal(read(tmp_path / "moved"), saved.values)


@pytest.mark.parametrize("saved", ["V1 sharded", "V2 sharded"], indirect=True)
def test_a_shard_that_is_missing(saved: Saved, tmp_path: Path) -> None:
    shutil.copytree(saved.folder, tmp_path / "copy")
    data = sorted(each for each in (tmp_path / "copy").iterdir() if "-of-00003" in each.name)
    data[-1].unlink()
    if ".data-" not in data[-1].name:
        with pytest.raises(UnusableInputError, match="00002-of-00003 is missing"):
            read(tmp_path / "copy")
        return
    contents = read(tmp_path / "copy")
    assert contents.facts["missing"] == (str(data[-1]),)
    assert set(contents.tensors) == set(saved.values)
    assert "data-00002-of-00003: cannot be opened" in (survives(tmp_path / "copy") or "")


def test_checkpoint_of_objects(tmp_path: Path) -> None:
    layer = tf.keras.layers.BatchNormalization()
    layer.build((None, 4))
    layer.gamma.assign([1.0, 2.0, 3.0, 4.0])
    path = tf.train.Checkpoint(layer=layer, step=tf.Variable(5)).save(str(tmp_path / "objects"))

    for name in (path, str(tmp_path)):
        contents = read(name)
        found = contents.tensors["layer/gamma/.ATTRIBUTES/VARIABLE_VALUE"]
        np.testing.assert_array_equal(found.load(), [1, 2, 3, 4])
    with pytest.raises(UnusableInputError, match="string, which is not read"):
        contents.tensors["_CHECKPOINTABLE_OBJECT_GRAPH"].load()


def test_names_without_values(tmp_path: Path) -> None:
    shutil.copy(DATA / "corpus/06-dense-net/model.ckpt.index", tmp_path / "model.ckpt.index")
    contents = read(tmp_path / "model.ckpt")

    assert contents.tensors["bn/moving_mean"].shape == (24,) or len(contents.tensors) == 37
    with pytest.raises(UnusableInputError, match="data-00000-of-00001"):
        contents.tensors["bn/moving_mean"].load()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('model_checkpoint_path: "../outside/model.ckpt"', "leads out of its folder"),
        ('model_checkpoint_path: "model.ckpt-9"', "there is no such checkpoint"),
        ("", "names no model_checkpoint_path"),
        ("\x00\xff" * 100, "names no model_checkpoint_path"),
        ('model_checkpoint_path: "' + "a" * 10_000_000, "names no model_checkpoint_path"),
    ],
)
def test_states_that_lead_nowhere(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "checkpoint").write_text(text)

    with pytest.raises(UnusableInputError, match=reason):
        read(tmp_path)


def test_only_what_is_needed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from steadynorm.artifacts import source, tensorflow_bundle

    opened = []
    monkeypatch.setattr(
        tensorflow_bundle, "open_source", lambda path: opened.append(source.open_source(path)) or opened[-1]
    )
    contents = read(DATA / "inception_v3")
    statistics = [each for each in contents.tensors.values() if "/moving_" in each.name]
    for tensor in statistics:
        tensor.load()

    assert len(statistics) == 188
    assert opened[0].bytes_read == sum(4 * int(np.prod(each.shape)) for each in statistics)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small checkpoint of each version."""
    found = {}
    for version in (1, 2):
        folder = tmp_path_factory.mktemp(f"v{version}")
        with v1.Graph().as_default(), v1.Session() as session:
            v1.get_variable("bn/gamma", initializer=np.ones(3, "float32"))
            v1.get_variable("bn/moving_mean", initializer=np.zeros(3, "float32"))
            v1.get_variable("p", (6,), partitioner=v1.fixed_size_partitioner(2))
            session.run(v1.global_variables_initializer())
            v1.train.Saver(write_version=version).save(session, str(folder / "m"), write_meta_graph=False)
        found[f"V{version}"] = folder
    return found


def survives(folder: Path) -> str | None:
    """Reads everything; returns the one error that may come of it."""
    try:
        for tensor in read(folder).tensors.values():
            tensor.load()
    except UnusableInputError as error:
        return str(error)
    return None


def damaged(small: dict[str, Path], version: str, target: Path, change: Callable[[bytes], bytes], data: bool) -> Path:
    folder = target / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(small[version], folder)
    name = "m" if version == "V1" else "m.data-00000-of-00001" if data else "m.index"
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    return folder


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize("version", ["V1", "V2"])
def test_truncated(small: dict[str, Path], version: str, data: bool, tmp_path: Path) -> None:
    for part in range(50):
        folder = damaged(small, version, tmp_path, lambda whole, part=part: whole[: len(whole) * part // 50], data)
        message = survives(folder)
        assert message, part
        assert "\n" not in message


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_every_flipped_bit_of_an_index_is_noticed(small: dict[str, Path], version: str, tmp_path: Path) -> None:
    name = "m" if version == "V1" else "m.index"
    whole = (small[version] / name).read_bytes()
    unnoticed = []
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        folder = damaged(small, version, tmp_path, lambda _, changed=changed: bytes(changed), data=False)
        if survives(folder) is None:
            unnoticed.append(position)
    # What is not needed: the second index, which is empty, its place in the footer, and padding.
    footer = len(whole) - 48
    second = whole.index(bytes.fromhex("0000000001000000 00 c0f2a1b0"))
    assert all(second <= position < second + 13 or footer <= position < len(whole) - 8 for position in unnoticed)


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_damage_that_has_the_right_checksums(
    small: dict[str, Path], version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steadynorm.artifacts import tensorflow_bundle, tensorflow_table

    monkeypatch.setattr(tensorflow_table, "CHECKED_SIZE", -1)
    monkeypatch.setattr(tensorflow_bundle, "CHECKED_SIZE", -1)
    whole = (small[version] / ("m" if version == "V1" else "m.index")).read_bytes()
    random = np.random.default_rng(0)
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] = random.integers(256) if position % 2 else 0xFF
        survives(damaged(small, version, tmp_path, lambda _, changed=changed: bytes(changed), data=False))
