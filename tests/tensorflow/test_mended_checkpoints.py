"""TensorFlow's and Keras' own loaders read what was mended; all that is no statistic is as it was."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from steadynorm import UnusableInputError, debias_statistics, take_statistics
from steadynorm.artifacts.tensorflow_table import crc32c
from steadynorm.mending.checksum import checksum
from steadynorm.mending.tensorflow_index import table_bytes

tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1

CHANNELS = 6
RNG = np.random.default_rng(5)
MEAN, VARIANCE = RNG.normal(size=CHANNELS), RNG.uniform(0.1, 4.0, CHANNELS)

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras warns about formats of the past


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """The statistics that are to be taken."""
    path = tmp_path / "good.safetensors"
    safetensors.numpy.save_file({"bn.running_mean": MEAN, "bn.running_var": VARIANCE}, path)
    return path


def variables(statistics: bool = True, sharded: bool = False) -> list[Any]:
    """Those of a layer that was trained, with a convolution before it and an optimizer's slot."""
    shapes = {
        "bn/gamma": RNG.uniform(0.5, 2, CHANNELS),
        "bn/beta": RNG.normal(size=CHANNELS),
        "conv/kernel": RNG.normal(size=(3, 3, 4, CHANNELS)),
        "conv/kernel/Momentum": RNG.normal(size=(3, 3, 4, CHANNELS)),
        "z/" + "long" * 60: RNG.normal(size=(7,)),
    }
    if statistics:
        shapes |= {"bn/moving_mean": np.zeros(CHANNELS), "bn/moving_variance": np.ones(CHANNELS)}
    shapes |= {f"many/{number:03}": RNG.normal(size=(3,)) for number in range(300)}
    found = []
    for number, (name, values) in enumerate(shapes.items()):
        with v1.device(f"/cpu:{number % 2 if sharded else 0}"):
            found.append(v1.get_variable(name, initializer=values.astype(np.float32), use_resource=True))
    return [*found, v1.get_variable("global_step", initializer=np.int64(40))]


def saved(folder: Path, *, version: int = 2, statistics: bool = True, sharded: bool = False, meta: bool = False) -> str:
    """The prefix of a checkpoint that a `tf.compat.v1.train.Saver` wrote."""
    folder.mkdir(exist_ok=True)
    with v1.Graph().as_default(), v1.Session(config=v1.ConfigProto(device_count={"CPU": 2})) as session:
        chosen = variables(statistics, sharded)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(chosen, write_version=version, sharded=sharded)
        prefix: str = saver.save(session, str(folder / "model.ckpt"), write_meta_graph=meta)
        return prefix


def loaded(prefix: str | Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def same_but(before: dict[str, Any], after: dict[str, Any], *changed: str) -> None:
    assert {name for name in before if name not in after} == set()
    for name, value in before.items():
        if name not in changed:
            same = value == after[name] if isinstance(value, bytes) else value.tobytes() == after[name].tobytes()
            assert same, name


@pytest.mark.parametrize("sharded", [False, True], ids=["whole", "sharded"])
def test_statistics_at_their_initial_values(sharded: bool, good: Path, tmp_path: Path) -> None:
    prefix = saved(tmp_path / "run", sharded=sharded, meta=True)
    before, files = loaded(prefix), digests(tmp_path / "run")

    mended = take_statistics(prefix, good, tmp_path / "new.ckpt")

    after = loaded(tmp_path / "new.ckpt")
    same_but(before, after, "bn/moving_mean", "bn/moving_variance")
    np.testing.assert_allclose(after["bn/moving_mean"], MEAN, rtol=1e-6)
    np.testing.assert_allclose(after["bn/moving_variance"], VARIANCE, rtol=1e-6)
    assert digests(tmp_path / "run") == files
    assert mended.files[-1] == tmp_path / "new.ckpt.index"
    assert (tmp_path / "new.ckpt.meta").read_bytes() == Path(f"{prefix}.meta").read_bytes()
    old = [Path(each).read_bytes() for each in sorted(Path(prefix).parent.glob("model.ckpt.data-*"))]
    new = [each.read_bytes() for each in sorted(tmp_path.glob("new.ckpt.data-*"))]
    differing = sum(
        sum(a != b for a, b in zip(first, second, strict=True)) for first, second in zip(old, new, strict=True)
    )
    assert CHANNELS < differing <= 2 * CHANNELS * 4


@pytest.mark.parametrize("sharded", [False, True], ids=["whole", "sharded"])
def test_statistics_that_are_missing(sharded: bool, good: Path, tmp_path: Path) -> None:
    prefix = saved(tmp_path / "run", statistics=False, sharded=sharded)
    before, files = loaded(prefix), digests(tmp_path / "run")

    mended = take_statistics(prefix, good, tmp_path / "new.ckpt")

    after = loaded(tmp_path / "new.ckpt")
    same_but(before, after)
    assert set(after) - set(before) == {"bn/moving_mean", "bn/moving_variance"}
    np.testing.assert_allclose(after["bn/moving_mean"], MEAN, rtol=1e-6)
    np.testing.assert_allclose(after["bn/moving_variance"], VARIANCE, rtol=1e-6)
    assert mended.layers[0].old_mean is None
    assert digests(tmp_path / "run") == files


def test_a_saver_restores_what_was_missing(good: Path, tmp_path: Path) -> None:
    prefix = saved(tmp_path / "run", statistics=False)
    take_statistics(prefix, good, tmp_path / "new.ckpt")
    with v1.Graph().as_default(), v1.Session() as session:
        variable = v1.get_variable("bn/moving_variance", (CHANNELS,), use_resource=True)
        v1.train.Saver([variable]).restore(session, str(tmp_path / "new.ckpt"))
        np.testing.assert_allclose(session.run(variable), VARIANCE, rtol=1e-6)


def test_the_folder_of_a_run_stands_for_its_latest_checkpoint(good: Path, tmp_path: Path) -> None:
    saved(tmp_path / "run")
    take_statistics(tmp_path / "run", good, tmp_path / "new.ckpt.index")
    np.testing.assert_allclose(loaded(tmp_path / "new.ckpt")["bn/moving_mean"], MEAN, rtol=1e-6)


def test_first_version_is_converted_first(good: Path, tmp_path: Path) -> None:
    from steadynorm import convert

    prefix = saved(tmp_path / "run", version=1)
    with pytest.raises(UnusableInputError, match="steadynorm convert CHECKPOINT OUT --to tensorflow"):
        take_statistics(prefix, good, tmp_path / "new.ckpt")
    convert(prefix, tmp_path / "second", to="tensorflow")
    same_but(loaded(prefix), loaded(tmp_path / "second"))
    take_statistics(tmp_path / "second", good, tmp_path / "new.ckpt")
    np.testing.assert_allclose(loaded(tmp_path / "new.ckpt")["bn/moving_mean"], MEAN, rtol=1e-6)


def test_checkpoint_of_objects(good: Path, tmp_path: Path) -> None:
    layer = tf.keras.layers.BatchNormalization()
    layer.build((None, CHANNELS))
    path = tf.train.Checkpoint(bn=layer, step=tf.Variable(5)).save(str(tmp_path / "objects"))

    take_statistics(path, good, tmp_path / "new")

    other = tf.keras.layers.BatchNormalization()
    other.build((None, CHANNELS))
    tf.train.Checkpoint(bn=other, step=tf.Variable(0)).restore(str(tmp_path / "new")).assert_consumed()
    np.testing.assert_allclose(other.moving_mean, MEAN, rtol=1e-6)
    np.testing.assert_allclose(other.moving_variance, VARIANCE, rtol=1e-6)


def test_saved_model(good: Path, tmp_path: Path) -> None:
    class Net(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.bn = tf.keras.layers.BatchNormalization()
            self.bn.build((None, CHANNELS))

        @tf.function(input_signature=[tf.TensorSpec((None, CHANNELS), tf.float32)])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            return self.bn(x, training=False)

    net = Net()
    tf.saved_model.save(net, str(tmp_path / "export"))
    files = digests(tmp_path / "export")

    take_statistics(tmp_path / "export", good, tmp_path / "new")

    x = RNG.normal(size=(9, CHANNELS)).astype(np.float32)
    expected = (x - MEAN) / np.sqrt(VARIANCE + 1e-3)
    np.testing.assert_allclose(tf.saved_model.load(str(tmp_path / "new"))(x), expected, atol=1e-5)
    assert digests(tmp_path / "export") == files
    changed = {path for path, digest in digests(tmp_path / "new").items() if files[path] != digest}
    assert changed == {"variables/variables.index", "variables/variables.data-00000-of-00001"}


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_what_keras_saves(suffix: str, good: Path, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")

    def build() -> Any:
        inputs = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(CHANNELS, 3, name="conv")(inputs)
        return keras.Model(inputs, keras.layers.BatchNormalization(name="bn")(x))

    model, old, new = build(), tmp_path / f"net{suffix}", tmp_path / f"new{suffix}"
    model.get_layer("bn").gamma.assign(np.linspace(0.5, 2, CHANNELS))
    model.save_weights(old) if suffix == ".weights.h5" else model.save(old)
    files = hashlib.sha256(old.read_bytes()).hexdigest()

    take_statistics(old, good, new)

    if suffix == ".weights.h5":
        other = build()
        other.load_weights(new)
    else:
        other = keras.models.load_model(new)
    for first, second in zip(model.weights, other.weights, strict=True):
        kind = first.name.rpartition("/")[2]
        expected = {"moving_mean": MEAN, "moving_variance": VARIANCE}.get(kind, first.numpy())
        np.testing.assert_allclose(second.numpy(), expected, rtol=1e-6 if kind.startswith("moving") else 0)
    assert hashlib.sha256(old.read_bytes()).hexdigest() == files


def test_debias_by_the_global_step_and_a_zero_debiased_mean(tmp_path: Path) -> None:
    decay, updates = 0.97, 40
    left = decay**updates
    stored = {
        "bn/moving_mean": (1 - left) * MEAN,
        "bn/moving_variance": left + (1 - left) * VARIANCE,
        "zd/moving_mean": MEAN,
        "zd/moving_mean/biased": (1 - left) * MEAN,
        "zd/moving_mean/local_step": np.float32(updates),
        "zd/moving_variance": left + (1 - left) * VARIANCE,
        "global_step": np.int64(updates),
    }
    with v1.Graph().as_default(), v1.Session() as session:
        for name, value in stored.items():
            kind = np.int64 if name == "global_step" else np.float32
            v1.get_variable(name, initializer=np.asarray(value, kind), use_resource=True)
        session.run(v1.global_variables_initializer())
        prefix = v1.train.Saver().save(session, str(tmp_path / "m"))

    mended = debias_statistics(prefix, tmp_path / "new", decay=decay)

    after = loaded(tmp_path / "new")
    for name in ("bn", "zd"):
        np.testing.assert_allclose(after[f"{name}/moving_mean"], MEAN, rtol=1e-5)
        np.testing.assert_allclose(after[f"{name}/moving_variance"], VARIANCE, rtol=1e-5)
    same_but(loaded(prefix), after, "bn/moving_mean", "bn/moving_variance", "zd/moving_variance")
    notes = "\n".join(mended.notes)
    assert "global_step, taking one update per step" in notes
    assert "the mean of 'zd' is debiased already" in notes
    assert "left as they are: the variables of renorm and zero-debias (2 tensors)" in notes


@pytest.mark.parametrize("size", [0, 1, 4095, 16383, 16384, 16385, 40960, 123457])
def test_checksum_is_the_same_for_every_length(size: int) -> None:
    data = RNG.bytes(size)
    assert checksum(data) == crc32c(data)


def test_checksum_of_the_standard() -> None:
    assert checksum(b"123456789") == 0xE3069283
    assert checksum(bytes(32)) == 0x8A9136AA  # RFC 3720, appendix B.4


@pytest.mark.parametrize("count", [1, 2, 3000])
def test_tables_of_any_size(count: int, tmp_path: Path) -> None:
    from steadynorm.artifacts.source import of_bytes
    from steadynorm.artifacts.tensorflow_table import Table

    entries = [(f"{number:06}".encode() * 3, RNG.bytes(number % 50)) for number in range(count)]
    table = Table(of_bytes("t", table_bytes(entries)))
    assert list(table) == entries
    assert all(table.get(key) == value for key, value in entries[:: max(1, count // 50)])
