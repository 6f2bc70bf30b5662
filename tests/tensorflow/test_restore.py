"""Restored values against the values that were saved, in every format; and what restores refuse and report."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import (
    RestoreError,
    assign_from_checkpoint_fn,
    get_assignment_map_from_checkpoint,
    init_from_checkpoint,
    statistics,
)

v1 = tf.compat.v1
INCEPTION = Path(__file__).parents[1] / "data" / "inception_v3"


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def layer(scope: str, start: float = 0.0, parameters: bool = True, size: int = 3, **options: Any) -> None:
    """Variables of a convolution and its normalization, as slim names them; their values tell one from another."""
    last = {"gamma": 2.0, "beta": 3.0} if parameters else {}
    with v1.variable_scope(scope, **options):
        for name, value in {"weights": 1.0, **last, "bn/moving_mean": 4.0, "bn/moving_variance": 5.0}.items():
            where = name if "/" in name or name == "weights" else "bn/" + name
            whole = np.arange(size, dtype=np.float32) + start * value
            trained = not where.startswith("bn/moving")
            v1.get_variable(where, [size], tf.float32, initializer=_Values(whole), trainable=trained)


class _Values:
    """An initializer with given values, of which a part of a partitioned variable gets its part."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        offset = partition_info.var_offset[0] if partition_info is not None else 0
        return tf.constant(self.whole[offset : offset + shape[0]], dtype)


def names(variables: Any) -> set[str]:
    return {each.op.name for each in variables}


def fresh(build: Callable[[], None], use: Callable[[], Any]) -> tuple[dict[str, Any], Any]:
    """The values of all variables of a new graph after initialization and what `use` makes, and its report."""
    with tf.Graph().as_default(), v1.Session() as session:
        build()
        restore = use()
        session.run(v1.global_variables_initializer())
        if callable(restore):
            assert restore(session) is restore.report
            restore = restore.report
        return session.run({each.op.name: each for each in v1.global_variables()}), restore


def save(folder: Path, build: Callable[[], None], chosen: str = "", **options: Any) -> tuple[str, dict[str, Any]]:
    """A checkpoint of the variables whose names begin so, and the values of all."""
    with tf.Graph().as_default(), v1.Session() as session:
        build()
        session.run(v1.global_variables_initializer())
        path = v1.train.Saver(v1.global_variables(chosen), **options).save(session, str(folder / "model.ckpt"))
        return path, session.run({each.op.name: each for each in v1.global_variables()})


def restored(variables: Callable[[], Any], path: str, **options: Any) -> Callable[[], Any]:
    return lambda: assign_from_checkpoint_fn(path, variables(), **options)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[str, dict[str, Any]]:
    return save(tmp_path, lambda: (layer("one", 10), layer("two", 20)))


def test_the_narrow_inception_of_slim_completely(caplog: pytest.LogCaptureFixture) -> None:
    v1.train.import_meta_graph(str(INCEPTION / "model.ckpt.meta"))
    for path in (INCEPTION, INCEPTION / "model.ckpt"):
        restore = assign_from_checkpoint_fn(path, v1.global_variables())
        assert len(restore.report.restored) == 569
        assert (
            restore.report.left_over == restore.report.initial_statistics == restore.report.untrained_statistics == ()
        )
        assert not restore.report.missing
        assert not restore.report.shape_differs
    assert not caplog.records
    with v1.Session() as session:
        assert restore(session) is restore.report
        reader = tf.train.load_checkpoint(str(INCEPTION / "model.ckpt"))
        for name, value in session.run({each.op.name: each for each in v1.global_variables()}).items():
            np.testing.assert_array_equal(value, reader.get_tensor(name))


def test_trainable_variables_alone_leave_statistics_behind() -> None:
    v1.train.import_meta_graph(str(INCEPTION / "model.ckpt.meta"))
    with pytest.raises(RestoreError, match="188 moving statistics would stay at the initial value") as raised:
        assign_from_checkpoint_fn(INCEPTION, v1.trainable_variables())
    assert set(raised.value.report.initial_statistics) == names(statistics())
    complete = assign_from_checkpoint_fn(INCEPTION, v1.trainable_variables() + statistics())
    assert len(complete.report.restored) == 190 + 188
    assert len(complete.report.left_over) == 191  # momentum of all, and the step


@pytest.mark.parametrize("version", [v1.train.SaverDef.V1, v1.train.SaverDef.V2])
@pytest.mark.parametrize("sharded", [True, False])
@pytest.mark.parametrize("partitioned", [True, False])
def test_every_format(version: int, sharded: bool, partitioned: bool, tmp_path: Path) -> None:
    options = {"partitioner": v1.fixed_size_partitioner(3)} if partitioned else {}

    def build(start: float) -> Callable[[], None]:
        def devices() -> None:
            layer("one", start, **options)
            with tf.device("/job:localhost/task:0/device:CPU:0"):
                layer("two", start + 1)

        return devices

    path, values = save(tmp_path, build(10), sharded=sharded, write_version=version)
    got, report = fresh(build(0), restored(v1.global_variables, path))
    assert len(report.restored) == 10
    assert report.untrained_statistics == ()
    for name, value in values.items():
        np.testing.assert_array_equal(got[name], value)
    got, _ = fresh(build(0), lambda: init_from_checkpoint(tmp_path, {"/": "/"}))
    for name, value in values.items():
        np.testing.assert_array_equal(got[name], value)
    whole, _ = fresh(lambda: layer("one"), restored(v1.global_variables, path))
    np.testing.assert_array_equal(whole["one/bn/moving_mean"], [40.0, 41.0, 42.0])


def test_checkpoints_of_a_training_session_and_by_object(tmp_path: Path) -> None:
    with tf.Graph().as_default():
        layer("one", 10)
        v1.train.create_global_step()
        with v1.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path / "monitored")) as session:
            session.run(v1.train.get_global_step())
    got, report = fresh(lambda: layer("one"), restored(v1.global_variables, str(tmp_path / "monitored")))
    np.testing.assert_array_equal(got["one/bn/moving_variance"], [50.0, 51.0, 52.0])
    assert report.left_over == ("global_step",)

    with tf.Graph().as_default(), v1.Session() as session:
        with v1.variable_scope("", use_resource=True):
            layer("one", 10)
        session.run(v1.global_variables_initializer())
        tree = tf.train.Checkpoint(variables=v1.global_variables())
        path = tree.save(str(tmp_path / "object"))
    for use in (restored(v1.global_variables, path), lambda: init_from_checkpoint(path, {"one/": "one/"})):
        got, report = fresh(lambda: layer("one"), use)
        np.testing.assert_array_equal(got["one/bn/moving_variance"], [50.0, 51.0, 52.0])
        assert len(report.restored) == 5


def test_names_by_a_dict(saved: tuple[str, dict[str, Any]]) -> None:
    path, values = saved

    def pairs() -> dict[str, Any]:
        return {each.op.name.replace("new/", "two/"): each for each in v1.global_variables()}

    got, report = fresh(lambda: layer("new"), lambda: assign_from_checkpoint_fn(path, pairs()))
    for name, value in got.items():
        np.testing.assert_array_equal(value, values[name.replace("new/", "two/")])
    assert report.restored["new/bn/gamma"] == "two/bn/gamma"
    assert report.left_over == tuple(sorted(name for name in values if name.startswith("one/")))


def test_missing_variables_are_errors_that_say_what_could_be_meant(saved: tuple[str, dict[str, Any]]) -> None:
    layer("net/one")
    with pytest.raises(RestoreError, match="the checkpoint lacks 5 variables") as raised:
        assign_from_checkpoint_fn(saved[0], v1.global_variables())
    assert "net/one/bn/gamma; the checkpoint has one/bn/gamma\n" in str(raised.value)
    assert "ignore_missing_vars=True" in str(raised.value)
    assert raised.value.report.missing["net/one/weights"] == "net/one/weights"
    # Names that differ altogether are no way to restore nothing without a word.
    with pytest.raises(RestoreError, match="2 moving statistics would stay at the initial value"):
        assign_from_checkpoint_fn(saved[0], v1.global_variables(), ignore_missing_vars=True)


def test_missing_statistics_are_errors_unless_allowed_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, _ = save(tmp_path, lambda: layer("one", 10), chosen="one/(weights|bn/gamma|bn/beta)")
    build = lambda: layer("one", 1)  # noqa: E731
    with pytest.raises(RestoreError, match=r"2 moving statistics.*\n  one/bn/moving_mean\n  one/bn/moving_variance\n"):
        fresh(build, restored(v1.global_variables, path, ignore_missing_vars=True))
    with pytest.raises(RestoreError, match=r"1 moving statistic .*\n  one/bn/moving_variance\n"):
        fresh(
            build,
            restored(v1.global_variables, path, ignore_missing_vars=True, allow_initial=["one/bn/moving_mean"]),
        )
    for allowed in ("one/*", ["one/bn/moving_*"]):
        got, report = fresh(build, restored(v1.global_variables, path, ignore_missing_vars=True, allow_initial=allowed))
        np.testing.assert_array_equal(got["one/bn/gamma"], [20.0, 21.0, 22.0])
        np.testing.assert_array_equal(got["one/bn/moving_mean"], [4.0, 5.0, 6.0])
        assert report.initial_statistics == ("one/bn/moving_mean", "one/bn/moving_variance")
    assert "2 moving statistics that would stay at the initial value" in caplog.text


def test_only_the_layers_concerned_count(saved: tuple[str, dict[str, Any]]) -> None:
    layer("one", parameters=False)
    layer("two")
    layer("head")
    own = v1.global_variables("two")
    assert assign_from_checkpoint_fn(saved[0], own).report.initial_statistics == ()
    # Without gamma and beta a layer is known by what stands beside it.
    with pytest.raises(RestoreError, match=r"2 moving statistics .*\n  one/bn/moving_mean"):
        assign_from_checkpoint_fn(saved[0], v1.trainable_variables("one/weights"))
    assert len(assign_from_checkpoint_fn(saved[0], own + v1.global_variables("one")).report.restored) == 8


def test_shapes(saved: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    def other() -> None:
        v1.get_variable("one/weights", [3, 1])

    with pytest.raises(RestoreError, match=r"one/weights: \(3, 1\) in the graph, \(3\) in the checkpoint") as raised:
        fresh(other, restored(v1.global_variables, saved[0], ignore_missing_vars=True))
    assert raised.value.report.shape_differs == {"one/weights": ((3, 1), (3,))}
    got, _ = fresh(other, restored(v1.global_variables, saved[0], reshape_variables=True))
    np.testing.assert_array_equal(got["one/weights"], [[10.0], [11.0], [12.0]])
    with pytest.raises(RestoreError, match=r"\(4\) in the graph, \(3\) in the checkpoint"):
        fresh(lambda: layer("one", size=4), restored(v1.global_variables, saved[0], reshape_variables=True))
    scalar, _ = save(tmp_path / "scalar", lambda: v1.get_variable("x", [], initializer=v1.ones_initializer()))
    got, _ = fresh(lambda: v1.get_variable("x", [1]), restored(v1.global_variables, scalar, reshape_variables=True))
    np.testing.assert_array_equal(got["x"], [1.0])


def test_types(saved: tuple[str, dict[str, Any]]) -> None:
    v1.get_variable("one/weights", [3], tf.float16)
    with pytest.raises(RestoreError, match="one/weights is float16, one/weights is float32"):
        assign_from_checkpoint_fn(saved[0], v1.global_variables())


def test_statistics_that_were_never_updated_are_pointed_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def build(start: float) -> Callable[[], None]:
        def variables() -> None:
            layer("one", start)
            v1.get_variable("never/moving_mean", [2], initializer=v1.zeros_initializer(), trainable=False)
            v1.get_variable("never/moving_variance", [2], initializer=v1.ones_initializer(), trainable=False)

        return variables

    path, _ = save(tmp_path, build(10))
    _, report = fresh(build(0), restored(v1.global_variables, path))
    assert report.untrained_statistics == ("never/moving_mean", "never/moving_variance")
    assert "2 moving statistics never updated before the checkpoint was saved" in caplog.text


@pytest.mark.parametrize("nothing", [[], {}])
def test_an_empty_list_is_an_error_as_in_slim(saved: tuple[str, dict[str, Any]], nothing: Any) -> None:
    with pytest.raises(ValueError, match=r"nothing to restore from .*: var_list is empty; build the model first"):
        assign_from_checkpoint_fn(saved[0], nothing, ignore_missing_vars=True)


def test_nothing_to_restore_is_no_error(saved: tuple[str, dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    v1.get_variable("new", [])
    restore = assign_from_checkpoint_fn(saved[0], v1.global_variables(), ignore_missing_vars=True)
    with v1.Session() as session:
        assert restore(session).missing == {"new": "new"}
    assert "0 variables restored" in caplog.text


MAPS: dict[str, Callable[[], Any]] = {
    "scopes": lambda: {"one/": "a/one/"},
    "from the root": lambda: {"/": "a/"},
    "names": lambda: {name: "a/" + name for name in ONE},
    "variables": lambda: {each.op.name[2:]: each for each in v1.global_variables()},
    "pairs": lambda: [(each.op.name[2:], each) for each in v1.global_variables()],
}
ONE = ("one/weights", "one/bn/gamma", "one/bn/beta", "one/bn/moving_mean", "one/bn/moving_variance")


@pytest.mark.parametrize("kind", MAPS)
def test_initializing_agrees_with_the_original(kind: str, saved: tuple[str, dict[str, Any]]) -> None:
    path, values = saved

    def original() -> None:
        v1.train.init_from_checkpoint(path, MAPS[kind]())

    expected, _ = fresh(lambda: layer("a/one"), original)
    got, report = fresh(lambda: layer("a/one"), lambda: init_from_checkpoint(path, MAPS[kind]()))
    for name, value in got.items():
        np.testing.assert_array_equal(value, expected[name])
        np.testing.assert_array_equal(value, values[name.removeprefix("a/")])
    assert len(report.restored) == 5
    assert len(report.left_over) == 5


def test_initializing_refuses_what_would_stay_initial(saved: tuple[str, dict[str, Any]]) -> None:
    layer("one")
    layer("three")
    v1.metrics.mean(tf.constant(1.0))  # its local variables are none of the scope's
    with pytest.raises(RestoreError, match="2 moving statistics"):
        init_from_checkpoint(saved[0], {each.op.name: each for each in v1.trainable_variables("one")})
    with pytest.raises(RestoreError, match="lacks 5 variables"):
        init_from_checkpoint(saved[0], {"/": "/"})
    report = init_from_checkpoint(saved[0], {"/": "/"}, ignore_missing_vars=True, allow_initial="three/*")
    assert len(report.restored) == len(report.missing) == 5
    with pytest.raises(RestoreError, match="no variable 'four' to initialize from 'one/weights'"):
        init_from_checkpoint(saved[0], {"one/weights": "four"})
    with pytest.raises(RestoreError, match="no variables in the scope 'four/'"):
        init_from_checkpoint(saved[0], {"one/": "four/"})


def test_an_assignment_map_as_published_code_uses_it(saved: tuple[str, dict[str, Any]]) -> None:
    path, values = saved
    maps: list[Any] = []

    def use() -> Any:
        assignment_map, initialized = get_assignment_map_from_checkpoint(
            v1.trainable_variables() + statistics(), path, allow_initial=["head/*"]
        )
        v1.train.init_from_checkpoint(path, assignment_map)
        maps.append((assignment_map, initialized))

    got, _ = fresh(lambda: (layer("one"), layer("head")), use)
    ((assignment_map, initialized),) = maps
    assert set(assignment_map) == set(ONE)
    assert assignment_map.report.missing.keys() == {name.replace("one", "head") for name in ONE}
    assert all(name in initialized and name + ":0" in initialized for name in ONE)
    for name in ONE:
        np.testing.assert_array_equal(got[name], values[name])
    layer("one")
    with pytest.raises(RestoreError, match="2 moving statistics"):
        get_assignment_map_from_checkpoint(v1.trainable_variables(), path)


def test_paths_that_are_no_checkpoints(saved: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    layer("one")
    (tmp_path / "empty").mkdir()
    for path, advice in (
        (tmp_path / "none.ckpt", r"there is no checkpoint .*none\.ckpt: neither a file"),
        (tmp_path / "empty", r"the folder .*empty holds no checkpoint"),
        *((saved[0] + end, r"only a part of a checkpoint: pass '.*model\.ckpt'") for end in (".index", ".meta")),
    ):
        with pytest.raises(RestoreError, match=advice):
            assign_from_checkpoint_fn(path, v1.global_variables())


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_damaged_files_give_one_error_that_names_them(
    part: str, saved: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    layer("one")
    broken = tmp_path / "broken"
    broken.mkdir()
    for each in tmp_path.glob("model.ckpt.*"):
        shutil.copy(each, broken)
    file = broken / f"model.ckpt.{part}"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(RestoreError, match=r"checkpoint .*broken/model.ckpt"):
        assign_from_checkpoint_fn(broken / "model.ckpt", v1.global_variables())


def test_missing_and_truncated_data_are_told_apart(saved: tuple[str, dict[str, Any]]) -> None:
    layer("one")
    (data,) = Path(saved[0]).parent.glob("model.ckpt.data-*")
    data.write_bytes(data.read_bytes()[:3])
    with pytest.raises(RestoreError, match=r"is damaged: Read less bytes than requested$"):
        assign_from_checkpoint_fn(saved[0], v1.global_variables())
    data.unlink()
    with pytest.raises(RestoreError, match=r"its file \S*model.ckpt.data-00000-of-00001 is missing: copy all files"):
        assign_from_checkpoint_fn(saved[0], v1.global_variables())


def test_what_is_no_variable_is_refused(saved: tuple[str, dict[str, Any]]) -> None:
    layer("one")
    with pytest.raises(TypeError, match="only variables of the graph can be restored, not <tf"):
        assign_from_checkpoint_fn(saved[0], [tf.constant(1.0)])
    with pytest.raises(TypeError, match="not 'one/weights'"):
        assign_from_checkpoint_fn(saved[0], {"one/weights": "one/weights"})
    with pytest.raises(TypeError, match="not None"):
        init_from_checkpoint(saved[0], {"one/weights": None})


def test_reports_are_short_and_logged(saved: tuple[str, dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    layer("one")
    with caplog.at_level(logging.INFO, "steadynorm"):
        report = assign_from_checkpoint_fn(saved[0], v1.global_variables()).report
    assert str(report) == (
        f"5 variables restored from {saved[0]}\n5 values left over in the checkpoint:\n  two/bn/beta\n  two/bn/gamma\n"
        "  two/bn/moving_mean\n  two/bn/moving_variance\n  two/weights"
    )
    assert caplog.messages == [str(report)]
