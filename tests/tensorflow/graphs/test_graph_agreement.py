"""What the source fixtures of TensorFlow 1 are said to get wrong is found in the graphs that they build as well."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tensorflow as tf

import steadynorm
from steadynorm.artifacts import formats
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.checks.registry import run
from steadynorm.finding import Finding, Severity

pytest.importorskip("tf_slim")

v1 = tf.compat.v1
TESTS = Path(__file__).parents[2]
EXPECTED = re.compile(r"#\s*expect:\s*((?:SN\d{3}\s*)+)")
IMPORTED = re.compile(r"^(?:from|import) (\w+)", re.MULTILINE)
SHOWN_BY_GRAPHS = {
    *("SN101", "SN102", "SN105", "SN106", "SN201", "SN202", "SN206", "SN207", "SN209", "SN301", "SN401", "SN403"),
    *("SN501", "SN502", "SN503", "SN504", "SN507", "SN508", "SN704", "SN908"),
}

FETCHED = "a graph does not tell what is fetched together (a checkpoint beside it does)"
FED = "a graph does not tell what is fed"
ESTIMATED = "a graph that estimates anew looks like one that predicts"
NOT_HANDED_ON = "a graph has the mode that reached the layer, not the one that was lost on the way"

# What a graph shows less (-) and more (+) than the source, and why.
DIFFERENT: dict[str, tuple[str, str]] = {
    "SN101/tf_mode_of_a_flag.py": ("-SN101", "without the flag it builds the graph that predicts"),
    "SN101/tf_fetched_by_hand_healthy.py": ("+SN101", FETCHED),
    "SN101/tf_methods_of_a_session_healthy.py": ("+SN101", FETCHED),
    "SN101/tf_unknown_trainer_healthy.py": ("+SN101", FETCHED),
    "SN101/tf_updates_of_a_hook_healthy.py": ("+SN101", FETCHED),
    "SN101/tf_updates_in_a_dict_healthy.py": ("+SN101", FETCHED),
    "SN101/tf_updates_on_the_loss_healthy.py": ("+SN101", FETCHED),
    "SN101/tf_updates_read_unused_healthy.py": ("+SN101", FETCHED),
    "SN102/tf_read_in_the_constructor.py": ("-SN102 +SN101", "an empty list leaves no trace in a graph"),
    "SN107/tf_averages_fed_true.py": ("-SN201", FED),
    "SN107/tf_copied_epoch_function.py": ("-SN201", FED),
    "SN107/tf_same_feed_for_test.py": ("-SN201 +SN101", f"{FED}; {FETCHED}"),
    "SN107/tf_same_feed_for_test_healthy.py": ("+SN101", FETCHED),
    "SN107/tf_updates_fetched_in_evaluation.py": ("+SN101", FETCHED),
    "SN107/tf_updates_fetched_in_evaluation_healthy.py": ("+SN101", FETCHED),
    "SN107/tf_validation_fed_true.py": ("-SN201", FED),
    "SN201/tf_asked_by_others.py": ("-SN201", FED),
    "SN201/tf_default_of_training.py": ("-SN201", FED),
    "SN201/tf_estimated_anew_healthy.py": ("+SN201", ESTIMATED),
    "SN201/tf_fed_true_in_test.py": ("-SN201", FED),
    "SN202/tf_default_never_fed.py": ("-SN202", FED),
    "SN202/tf_fed_false_in_training.py": ("-SN202", FED),
    "SN204/tf_actor_in_training_mode.py": ("-SN201", FED),
    "SN204/tf_greedy_action.py": ("-SN201", FED),
    "SN205/tf_attribute_not_used": ("+SN202", NOT_HANDED_ON),
    "SN205/tf_flag_for_dropout_only.py": ("+SN202", NOT_HANDED_ON),
    "SN205/tf_scope_for_dropout_only.py": ("+SN201", NOT_HANDED_ON),
    "SN205/tf_threaded_and_unused.py": ("+SN201", NOT_HANDED_ON),
    "SN302/tf_restores_trainable.py": ("+SN301", "a saver that only restores looks like one that saves"),
    "SN401/tf_digits_in_pairs_healthy.py": ("+SN401", FED),
}


@pytest.fixture(autouse=True)
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Conditions, variables and shapes of TensorFlow 1, in a folder that programs may write to."""
    functional, resources = v1.control_flow_v2_enabled(), v1.resource_variables_enabled()
    v1.disable_control_flow_v2()
    v1.disable_resource_variables()
    v1.disable_v2_tensorshape()
    monkeypatch.setattr(tf.Tensor, "__bool__", lambda tensor: True)  # as the first versions had it
    monkeypatch.chdir(tmp_path)
    level = tf.get_logger().level
    tf.get_logger().setLevel(logging.ERROR)
    yield
    tf.get_logger().setLevel(level)
    v1.enable_v2_tensorshape()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    (v1.enable_resource_variables if resources else v1.disable_resource_variables)()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[ModuleType]:
    """What runs programs of TensorFlow 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TESTS / "agreement")
        yield importlib.import_module("stand_in.programs")
        for name in [name for name in sys.modules if name.split(".")[0] == "stand_in"]:
            del sys.modules[name]


NOT_BUILT = frozenset(
    {
        "SN101/tf_always_by_batch.py",
        "SN101/tf_clones_healthy.py",
        "SN101/tf_keras_layer_updates.py",
        "SN101/tf_keras_layer_updates_healthy.py",
        "SN101/tf_nasnet_plain_minimize.py",
        "SN101/tf_nasnet_plain_minimize_healthy.py",
        "SN101/tf_network_of_slim.py",
        "SN101/tf_network_of_slim_healthy.py",
        "SN101/tf_network_of_slim_two_graphs_healthy.py",
        "SN101/tf_network_of_slim_without_norm_healthy.py",
        "SN101/tf_network_run_by_a_function.py",
        "SN101/tf_network_run_by_a_function_healthy.py",
        "SN101/tf_slim_learning_train_healthy.py",
        "SN101/tf_train_op_kept_in_a_class_healthy.py",
        "SN102/tf_read_between_layers_of_a_builder.py",
        "SN102/tf_read_between_layers_of_a_builder_healthy.py",
        "SN102/tf_towers_of_slim_healthy.py",
        "SN102/tf_towers_share_a_scope.py",
        "SN201/tf_export_for_serving_healthy.py",
        "SN201/tf_factory_one_image.py",
        "SN201/tf_factory_one_image_healthy.py",
        "SN201/tf_library_of_layers_healthy.py",
        "SN201/tf_mobilenet_v2_validation.py",
        "SN201/tf_mobilenet_v2_validation_healthy.py",
        "SN201/tf_mode_as_text_healthy",
        "SN201/tf_unknown_flow_healthy.py",
        "SN202/tf_false_in_a_builder.py",
        "SN202/tf_false_in_a_builder_healthy.py",
        "SN202/tf_frozen_on_purpose_healthy.py",
        "SN202/tf_keras_layer_learning_phase.py",
        "SN202/tf_keras_layer_learning_phase_healthy.py",
        "SN202/tf_mobilenet_v2_features_healthy.py",
        "SN202/tf_mobilenet_v2_fine_tuned.py",
        "SN202/tf_mobilenet_v2_fine_tuned_healthy.py",
        "SN202/tf_mobilenet_v3_without_scope.py",
        "SN202/tf_mobilenet_v3_without_scope_healthy.py",
        "SN202/tf_network_of_the_factory.py",
        "SN202/tf_network_of_the_factory_healthy.py",
        "SN202/tf_trainable_in_a_builder.py",
        "SN202/tf_trainable_in_a_builder_healthy.py",
        "SN401/tf_augmented_twice_healthy.py",
        "SN401/tf_gan_of_a_builder.py",
        "SN401/tf_gan_of_a_builder_healthy.py",
        "SN401/tf_pair_of_a_builder_healthy.py",
        "SN401/tf_two_domains_healthy.py",
        "SN403/tf_gan_of_a_builder.py",
        "SN403/tf_gan_of_a_builder_healthy.py",
    }
)
"""Fixtures whose graph does not come about here: data of another shape, a module that is not there, Keras 2's layers,
or functions that nobody in the fixture calls."""


def _cases() -> list[Path]:
    found = sorted((TESTS / "source").glob("SN???/tf_*"))
    cases = [each for each in found if ".fixed" not in each.name and each.suffix != ".ipynb"]
    return [each for each in cases if _is_for_graphs(each) and _name(each) not in NOT_BUILT]


def _is_for_graphs(case: Path) -> bool:
    twin = case.with_name(case.name.replace("_healthy", ""))
    codes = {case.parent.name} | _expected(case) | (_expected(twin) if twin.exists() else set())
    return bool(codes & SHOWN_BY_GRAPHS) or _name(case) in DIFFERENT


def _name(case: Path) -> str:
    return f"{case.parent.name}/{case.name}"


def _files(case: Path) -> list[Path]:
    return sorted(case.rglob("*.py")) if case.is_dir() else [case]


def _expected(case: Path) -> set[str]:
    lines = [line for file in _files(case) for line in file.read_text(encoding="utf-8").splitlines()]
    return {code for line in lines if (found := EXPECTED.search(line)) for code in found[1].split()}


def _scripts(case: Path) -> list[Path]:
    """The files that no other one imports."""
    files = _files(case)
    imported = {name for file in files for name in IMPORTED.findall(file.read_text(encoding="utf-8"))}
    return files if len(files) == 1 else [file for file in files if file.stem not in imported]


def _written(program: Any, folder: Path) -> list[Path]:
    """What a program's graphs are as files: what it exported, or the MetaGraph of each."""
    built = program.run()
    paths = [each if each.exists() else each.with_suffix(".pb") for each in built.exports]
    for number, each in enumerate(built.graphs if not paths else ()):
        if each.get_operations():
            saver = built.savers.get(each)
            paths.append(folder / f"{program.script.stem}_{number}.meta")
            with each.as_default(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # collections that are not written
                v1.train.export_meta_graph(str(paths[-1]), saver_def=saver and saver.as_saver_def(), graph=each)
    return paths


def _built(case: Path, stand_in: ModuleType, folder: Path) -> list[Path]:
    return [path for script in _scripts(case) for path in _written(stand_in.Program(script, folder), folder)]


def _checked(path: Path) -> list[Finding]:
    if path.suffix == ".meta":
        return run(evidence_of(None, graph=formats.read(path)))[0]
    return [found for report in steadynorm.check(path, progress=False).reports for found in report.findings]


@pytest.mark.parametrize("case", _cases(), ids=_name)
def test_graph_shows_what_the_source_does(case: Path, stand_in: ModuleType, tmp_path: Path) -> None:
    graphs = _built(case, stand_in, tmp_path)
    assert graphs

    found = [each for path in graphs for each in _checked(path)]
    serious = {each.code for each in found if each.severity is not Severity.INFO}
    less = _expected(case) & SHOWN_BY_GRAPHS - {each.code for each in found}
    more = serious - _expected(case)
    shown = " ".join([*(f"-{code}" for code in sorted(less)), *(f"+{code}" for code in sorted(more))])
    assert shown == DIFFERENT.get(_name(case), ("", ""))[0]
    if DIFFERENT.get(_name(case), ("", ""))[1] in (FETCHED, ESTIMATED):
        assert all(each.settle for each in found if each.code in more)


def test_tables_name_fixtures_that_are_there() -> None:
    names = {_name(each) for each in _cases()}

    assert not DIFFERENT.keys() - names
    assert all((TESTS / "source" / name).exists() for name in NOT_BUILT)
