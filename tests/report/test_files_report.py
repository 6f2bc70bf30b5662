"""The result of a check of files in the terminal: complete at 80 columns and without colour."""

from __future__ import annotations

import os
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from steadynorm import exits
from steadynorm.checks.registry import NotAssessed, run
from steadynorm.evidence import Evidence, Layer, Mode, Statistics
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.norm.config import NormConfig
from steadynorm.recorded import Choice, Graph, GraphLayer, Saver, Stored, TrainStep, Update, Use
from steadynorm.report.layers import LayerStatus, layer_statuses
from steadynorm.report.model import Origin, Report
from steadynorm.report.result import CheckResult, Unread


def flat(value: object) -> str:
    return " ".join(str(value).split())


def layer(name: str, mean: float | None = 0.5, updates: int | None = None) -> Layer:
    statistics = None if mean is None else Statistics(np.full(2, mean), np.ones(2), updates)
    return Layer(name, "BatchNorm2d", 2, NormConfig(decay=0.9), statistics)


KEEPS = Graph((), savers=(Saver("s", ()),), layers=(GraphLayer("bn", "Fused", mean="bn/mean", variance="bn/var"),))
KEEPS_NONE = replace(KEEPS, layers=(GraphLayer("bn", "Fused", gamma="bn/gamma"),))


def status(one: Layer, graph: Graph | None = None, stored: Stored | None = None) -> LayerStatus:
    report = Report("m", Evidence("torch", (one,), graph=graph, stored=stored), origin=Origin("m", ("m",), "graph"))
    return layer_statuses(report)[0]


def named(name: str, *layers: Layer, found: tuple[Finding, ...] = (), skipped: tuple[NotAssessed, ...] = ()) -> Report:
    evidence = Evidence("torch", layers, stored=Stored("PyTorch checkpoint"))
    return Report(name, evidence, found, skipped, origin=Origin(name, (name,), "PyTorch checkpoint"))


def about(*names: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding("SN701", severity, Certainty.PROVEN, names[0], "not a number", "Go back.", layers=names)


def test_model_has_a_header_with_format_framework_and_steps(file_report: Report) -> None:
    assert flat(CheckResult((file_report,))).startswith(
        "run/model.ckpt-1200: 1 error, first SN101 updates-not-run. checkpoint (tensorflow), 2 normalization layers "
        "(2 FusedBatchNormV3), 1,200 steps (global_step), compared with 1 other rank, compared with an earlier "
        "checkpoint."
    )


def test_report_of_files_by_itself_is_the_same(file_report: Report) -> None:
    assert str(file_report) == str(CheckResult((file_report,)))


def test_table_has_the_layers_with_findings_first(file_report: Report) -> None:
    text = str(CheckResult((file_report,)))
    rows = text.split("Layers\n")[1].split("\n\n")[0].splitlines()

    assert [" ".join(row.split()) for row in rows] == [
        "layer mode updates saved moved finding",
        "net/broken/bn training not run yes no SN101",
        "net/fine/bn inference unless fed run yes yes –",
    ]


@pytest.mark.parametrize(
    ("uses", "mode"),
    [
        ((Use("bn", "n", Mode.BATCH),), "training"),
        ((Use("bn", "n", Mode.POPULATION),), "inference"),
        ((Use("bn", "n", Mode.BATCH), Use("bn", "m", Mode.POPULATION)), "training, inference"),
        ((Use("bn", "n", None, Choice.FED, "p"),), "fed"),
        ((Use("bn", "n", None, Choice.DEFAULT, "p", Mode.POPULATION),), "inference unless fed"),
        ((Use("bn", "n", None, Choice.VARIABLE, "p", Mode.BATCH),), "training unless set"),
        ((Use("bn", "n", None, Choice.COMPUTED, "p"),), "computed"),
        ((Use("other", "n", Mode.BATCH),), "–"),
    ],
)
def test_mode_says_what_chooses_it(uses: tuple[Use, ...], mode: str) -> None:
    assert status(layer("bn"), Graph(uses)).mode == mode


@pytest.mark.parametrize(
    ("updates", "word"),
    [
        ((), "none"),
        ((Update("bn", "mean", "a", steps=("t",)), Update("bn", "variance", "b", steps=("t",))), "run"),
        ((Update("bn", "mean", "a"), Update("bn", "variance", "b", steps=("t",))), "some run"),
        ((Update("bn", "mean", "a"),), "not run"),
    ],
)
def test_updates_of_a_graph(updates: tuple[Update, ...], word: str) -> None:
    assert status(layer("bn", 0.0), Graph((), updates, (TrainStep("t", ("bn",)),))).updates == word
    assert status(layer("bn"), Graph((), updates)).updates == "–"


def test_statistics_that_moved_without_a_train_step_were_updated_by_hand() -> None:
    """As `sess.run([train_op, update_ops])` does it; the graph does not show what is fetched together."""
    graph = Graph((), (Update("bn", "mean", "n"),), (TrainStep("t", ("bn",)),))

    assert status(layer("bn", 0.5), graph, Stored("x")).updates == "by hand?"
    assert status(layer("bn", 0.0), graph, Stored("x")).updates == "not run"
    assert status(layer("bn", None), graph, Stored("x", values=False)).updates == "not run"
    assert status(layer("bn", 0.5), graph, Stored("x", before={"bn": layer("bn", 0.5)})).updates == "not run"


def test_updates_that_the_layer_counted() -> None:
    assert status(layer("bn", updates=12345)).updates == "12,345"


@pytest.mark.parametrize(
    ("one", "graph", "stored", "saved"),
    [
        (layer("bn"), None, Stored("x"), "yes"),
        (layer("bn", None), None, Stored("x"), "–"),
        (layer("bn", None), None, Stored("x", without_statistics=("bn",)), "no"),
        (layer("bn", None), KEEPS, Stored("x"), "no"),
        (layer("bn", None), KEEPS, Stored("x", values=False), "yes"),
        (layer("bn", None), KEEPS, Stored("x", without_statistics=("bn",), values=False), "no"),
        (layer("bn", None), KEEPS_NONE, Stored("x"), "–"),
        (layer("bn", None), KEEPS_NONE, Stored("x", values=False), "–"),
        (layer("bn", None), KEEPS_NONE, None, "–"),
        (layer("bn", None), None, Stored("x", values=False), "yes"),
        (layer("bn"), None, Stored("x", without_statistics=("bn",)), "no"),
        (layer("bn"), Graph((), savers=(Saver("s", ()),)), None, "yes"),
        (layer("bn"), Graph((), savers=(Saver("s", (), ("bn",)),)), None, "no"),
        (layer("bn"), Graph((), savers=(Saver("of parameters", (), ("bn",)), Saver("s", (), main=True))), None, "yes"),
        (layer("bn"), Graph(()), None, "–"),
    ],
)
def test_saved(one: Layer, graph: Graph | None, stored: Stored | None, saved: str) -> None:
    assert status(one, graph, stored).saved == saved


@pytest.mark.parametrize(
    ("now", "before", "moved"),
    [(0.0, None, "no"), (0.5, None, "yes"), (0.5, 0.5, "no"), (0.5, 0.25, "yes"), (None, None, "–")],
)
def test_moved(now: float | None, before: float | None, moved: str) -> None:
    stored = Stored("x", before=None if before is None else {"bn": layer("bn", before)})

    assert status(layer("bn", now), stored=stored).moved == moved


def test_columns_of_which_the_files_say_nothing_are_left_out() -> None:
    text = str(CheckResult((named("m.pt", layer("bn")),)))

    assert "  layer  saved  moved\n" in text
    assert "finding\n" not in text


def test_many_layers_are_those_with_findings_and_the_rest_in_one_line() -> None:
    layers = [layer(f"block{index}.bn") for index in range(60)]
    report = named("m.pt", *layers, found=(about("block7.bn", "block41.bn"),))
    text = str(CheckResult((report,)))

    assert [line.split()[0] for line in text.splitlines() if ".bn " in line and "SN701" in line] == [
        "block7.bn",
        "block41.bn",
    ]
    assert "and 58 layers without findings (saved yes, moved yes)" in text
    assert "block8.bn" not in text


def test_many_layers_with_findings_are_counted() -> None:
    layers = [layer(f"block{index}.bn") for index in range(20)]
    report = named("m.pt", *layers, found=(about(*(each.name for each in layers[:15])),))

    assert "and 3 more layers with findings and 5 layers without findings" in flat(CheckResult((report,)))


def test_many_layers_without_findings_are_one_line() -> None:
    text = str(CheckResult((named("m.pt", *(layer(f"block{index}.bn") for index in range(60))),)))

    assert "60 layers without findings (saved yes, moved yes)" in text
    assert "block" not in text


def test_long_names_lose_their_middle_where_there_is_no_room() -> None:
    name = "backbone.stages.3.blocks.17.residual.attention.norm.batch_normalization"
    report = named("m.pt", layer(name), found=(about(name),))
    graph = Graph((Use(name, "n", None, Choice.VARIABLE, "p", Mode.POPULATION),), train_steps=(TrainStep("t", ()),))
    narrow = replace(report, evidence=replace(report.evidence, graph=graph))

    for shown, rest in ((report, "yes yes SN701"), (narrow, "inference unless set none yes yes SN701")):
        (row,) = (line for line in str(CheckResult((shown,))).splitlines() if "…" in line)
        left, right = row.split(" yes")[0].split(" inference")[0].strip().split("…")

        assert len(row) <= 80
        assert name.startswith(left)
        assert name.endswith(right)
        assert len(left) >= 10
        assert flat(row).endswith(rest)


def test_many_codes_of_one_layer_are_counted() -> None:
    found = tuple(replace(about("bn"), code=code) for code in ("SN701", "SN702", "SN703", "SN704"))

    assert "  bn     yes    yes    SN701 SN702 +2" in str(CheckResult((named("m.pt", layer("bn"), found=found),)))


def test_no_line_is_longer_than_80_columns_or_ends_in_blanks(result: CheckResult, file_report: Report) -> None:
    names = [f"very/long/scope/{'x' * 60}/{index}" for index in range(3)]
    codes = tuple(replace(about(*names), code=code) for code in ("SN701", "SN702", "SN703", "SN704", "SN509", "SN103"))
    wide = replace(
        file_report,
        name="/".join(["folder"] * 30),
        evidence=replace(
            file_report.evidence,
            layers=tuple(layer(name) for name in names),
            graph=Graph(tuple(Use(name, "n", None, Choice.VARIABLE, "p", Mode.POPULATION) for name in names)),
        ),
        findings=codes,
    )
    text = str(replace(result, reports=(*result.reports, wide), unread=(Unread("x", "x: " + "y" * 200),)))

    assert max(map(len, text.splitlines())) <= 80
    assert all(line == line.rstrip() for line in text.splitlines())


def test_checks_that_only_a_live_model_allows_do_not_drown_the_rest() -> None:
    live = tuple(NotAssessed(f"SN1{index:02}", "it takes a live model and data") for index in range(25))
    report = named("m.pt", layer("bn"), skipped=(*live, NotAssessed("SN301", "no graph")))
    lines = str(CheckResult((report,))).split("Not assessed\n")[1].splitlines()

    assert lines == ["  it takes a live model and data (25 checks)", "  no graph (SN301)"]


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_each_reason_for_what_was_not_assessed_is_one_line(framework: str) -> None:
    evidence = Evidence(framework, (layer("bn"),), stored=Stored("PyTorch checkpoint"))
    for each in (evidence, replace(evidence, stored=None, graph=KEEPS)):
        skipped = tuple(run(each)[1])
        report = Report("m.pt", each, (), skipped, origin=Origin("m.pt", ("m.pt",), "PyTorch checkpoint"))
        lines = str(CheckResult((report,))).split("Not assessed\n")[1].splitlines()

        assert len(lines) == len({each.reason for each in skipped}) > 1
        assert all(len(line) <= 80 and line.endswith(")") for line in lines)


def test_several_models_begin_with_a_verdict_over_all_of_them(result: CheckResult) -> None:
    text = flat(result)

    assert text.startswith("1 model with normalization layers checked; 1 error; 1 file could not be read.")
    assert "Without normalization layers plain.pt" in text
    assert "Could not be read no.pt: there is no such file" in text
    assert text.endswith("Left aside: of no format that is read (3).")


def test_models_without_findings_are_named_and_not_shown() -> None:
    clean = [named(f"runs/{index}.pt", layer("bn")) for index in range(100)]
    broken = named("broken.pt", layer("bn"), found=(about("bn"),))
    text = str(CheckResult((*clean[:50], broken, *clean[50:])))

    assert text.startswith("101 models with normalization layers checked; 1 error in 1 of them.\n\nbroken.pt: 1 error")
    assert "  runs/0.pt (PyTorch checkpoint, 1 layer)\n" in text
    assert "  and 88 more" in text
    assert len(text.splitlines()) < 45


def test_nothing_at_all_is_said() -> None:
    said = "0 models with normalization layers checked; nothing of a known format was found."
    assert " ".join(str(CheckResult()).split()) == said


def test_names_never_reach_the_terminal_as_commands(file_report: Report) -> None:
    name = "bn\x1b[31m\x07[bold]\ud800"
    path = os.fsdecode(b"\x1b]0;caf\xe9.pt")
    report = replace(named(path, layer(name), found=(about(name),)), name=path)
    text = str(CheckResult((report, report), (Unread(path, f"{path}: is damaged"),)))

    assert all(line.isprintable() for line in text.splitlines())
    assert "\\x1b]0;caf\\xe9.pt" in text
    assert "bn\\x1b[31m\\x07[bold]\\ud800" in flat(text)


def test_terminal_gets_colour_and_no_more_than_100_columns(result: CheckResult) -> None:
    stream = StringIO()
    Console(file=stream, force_terminal=True, width=200, color_system="standard", legacy_windows=False).print(result)

    assert "\x1b[1;31mERROR" in stream.getvalue()


@pytest.mark.parametrize(
    ("reports", "unread", "fail_on", "status"),
    [
        ((), (), Severity.WARNING, exits.NOTHING),
        ((Report.nothing_to_check("a", "torch"),), (), Severity.WARNING, exits.NOTHING),
        ((named("a", layer("bn")), Report.nothing_to_check("a", "torch")), (), Severity.WARNING, exits.CLEAN),
        (
            (named("a", layer("bn"), found=(about("bn"),)), named("b", layer("bn"))),
            (),
            Severity.WARNING,
            exits.FINDINGS,
        ),
        ((named("a", layer("bn"), found=(about("bn", severity=Severity.WARNING),)),), (), Severity.ERROR, exits.CLEAN),
        ((named("a", layer("bn"), found=(about("bn"),)),), (), None, exits.CLEAN),
        ((named("a", layer("bn"), found=(about("bn"),)),), (Unread("x", "x"),), Severity.WARNING, exits.UNUSABLE),
        ((named("a", layer("bn")),), (Unread("x", "x"),), None, exits.UNUSABLE),
    ],
)
def test_exit_status(
    reports: tuple[Report, ...], unread: tuple[Unread, ...], fail_on: Severity | None, status: int
) -> None:
    assert CheckResult(reports, unread).exit_status(fail_on) == status
