"""The report in the terminal: complete at 80 columns and without colour."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from steadynorm.evidence import Evidence, Gap, Mode, Score, Split
from steadynorm.finding import Effect
from steadynorm.report import words
from steadynorm.report.model import Report
from steadynorm.report.summary import verdict
from steadynorm.report.terminal import as_text


def flat(text: str) -> str:
    return " ".join(text.split())


def test_report_starts_with_the_verdict_in_one_sentence(long_report: Report) -> None:
    assert flat(as_text(long_report)).startswith(
        "digits: metric 0.310 in inference, 0.970 with re-estimated statistics; SN104 statistics-lag explains 100 % of "
        "the gap. Looked at 14 normalization layers (14 BatchNorm2d), 20 training batches and the model in inference "
        "mode."
    )


@pytest.mark.parametrize(
    ("code", "remedy", "said"),
    [
        ("SN201", "inference mode", "metric 0.310 in the evaluation as given, 0.970 in inference mode; SN201"),
        ("SN106", "population statistics", "metric 0.310 in small batches, 0.970 with population statistics; SN106"),
    ],
)
def test_verdict_says_where_the_number_stood(long_report: Report, code: str, remedy: str, said: str) -> None:
    cause = replace(long_report.findings[0], code=code, effect=Effect(remedy, "metric", 0.31, 0.97, 1.0))

    assert said in verdict(replace(long_report, findings=(cause,)))


def test_no_line_is_longer_than_80_columns_or_ends_in_blanks(long_report: Report) -> None:
    lines = as_text(long_report).splitlines()

    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_sections_stand_in_the_order_in_which_they_matter(long_report: Report) -> None:
    text = as_text(long_report)
    titles = ["Inference against batch", "Findings", "Layers: stored", "Remedies tried", "Not assessed"]

    assert sorted(titles, key=text.index) == titles


def test_four_way_table_shows_both_measures_with_their_errors(long_report: Report) -> None:
    text = flat(as_text(long_report))

    assert "stored statistics (inference) training 0.310 ± 0.009 2.050 ± 0.010" in text
    assert "batch statistics (training) validation 0.970 ± 0.004 0.170 ± 0.010" in text


def test_finding_says_severity_and_certainty_in_words(long_report: Report) -> None:
    text = as_text(long_report)

    assert "1. ERROR SN104 statistics-lag (likely)" in text
    assert "2. WARNING SN505 batch-too-small (proven)" in text
    assert "3. INFO SN501 bias-before-normalization (proven)" in text


def test_finding_folds_layers_and_shows_effect_remedy_and_what_would_settle_it(long_report: Report) -> None:
    text = flat(as_text(long_report))

    assert "layers backbone.stage1.blocks[0].bn, backbone.stage1.blocks[1].bn and 12 more" in text
    assert "metric 0.310 → 0.970 with re-estimated statistics (100 % of the gap)" in text
    assert "Use a decay of 0.9 to 0.99." in text
    assert "to settle Pass the optimizer." in text
    assert "steadynorm explain SN104" in text


def test_messages_and_names_are_never_read_as_markup(long_report: Report) -> None:
    assert "[bold]a bias[/bold]." in as_text(long_report)


def test_layers_come_with_the_largest_distance_first_and_a_count_of_the_rest(long_report: Report) -> None:
    layers = as_text(long_report).split("Layers: stored")[1].split("Remedies tried")[0]
    rows = [line for line in layers.splitlines() if "± 0.010" in line]

    assert len(rows) == 12
    assert flat(rows[0]) == "backbone.stage7.blocks[1].bn 12.99 ± 0.01 0.000 ± 0.010 differs 71 %"
    assert "and 2 layers with smaller distances." in layers


def test_remedies_say_on_how_many_layers_and_how_much_of_the_gap(long_report: Report) -> None:
    text = flat(as_text(long_report))

    assert "re-estimated statistics all 14 0.310 → 0.970 100 %" in text
    assert "re-estimated statistics backbone.stage7.blocks[1].bn 0.310 → 0.781 71 %" in text


def test_checks_that_were_not_made_are_grouped_by_reason(long_report: Report) -> None:
    text = flat(as_text(long_report))

    assert "no train_step was given SN101, SN102" in text
    assert "no source was given SN305" in text


def test_no_finding_says_what_was_looked_at(long_report: Report) -> None:
    scores = {key: Score(0.17, 0.97, 0.01, 0.004) for key in [(mode, split) for mode in Mode for split in Split]}
    gap = Gap(scores, "metric", True, 0.97, 0.0)
    report = replace(long_report, findings=(), evidence=replace(long_report.evidence, gap=gap, trials=()))
    text = flat(as_text(report))

    assert "no shortfall beyond noise; nothing found." in text
    assert "Looked at 14 normalization layers" in text
    assert "Findings None, in" in text


def test_a_limited_report_says_that_it_was_limited(long_report: Report) -> None:
    report = replace(long_report, select=("SN1",), ignore=("SN103",))

    assert "(only SN1; without SN103)" in flat(as_text(report))
    assert report.checked == ("SN104", "SN105", "SN106", "SN107", "SN108")


def test_no_layers_are_no_verdict() -> None:
    text = as_text(Report.nothing_to_check("plain", "torch"))

    assert text.startswith("plain: nothing to check, the model has no normalization layers.")
    assert "no verdict" in text


def test_a_gap_that_no_check_explains_is_not_passed_over(long_report: Report) -> None:
    unexplained = tuple(replace(found, effect=None) for found in long_report.findings)

    assert "0.970 is within reach; no finding explains it (1 error" in verdict(
        replace(long_report, findings=unexplained)
    )
    assert verdict(replace(long_report, findings=())).endswith("no check explains it.")


def test_without_loss_and_metric_the_verdict_says_so(long_report: Report) -> None:
    report = replace(long_report, findings=(), evidence=replace(long_report.evidence, gap=None, trials=()))

    assert "no loss or metric was given" in verdict(report)
    assert "Inference against batch" not in as_text(report)


def test_layers_without_a_call_or_without_statistics_are_told_apart(long_report: Report) -> None:
    first, second, *rest = long_report.evidence.layers
    evidence = Evidence("torch", (replace(first, statistics=None), second, *rest[:1]), long_report.evidence.calls)
    uncalled = replace(evidence, calls=tuple(call for call in evidence.calls or () if call.layer != second.name))
    text = as_text(Report("digits", uncalled))

    assert "keeps no statistics" in text
    assert "not called" in text


def test_colour_only_repeats_the_words(long_report: Report) -> None:
    buffer = StringIO()
    Console(file=buffer, width=80, force_terminal=True, color_system="standard").print(long_report)
    coloured = buffer.getvalue()

    assert "\x1b[" in coloured
    assert flat(as_text(long_report)) == flat(plain(coloured))


def plain(text: str) -> str:
    from rich.text import Text

    return Text.from_ansi(text).plain


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.31, "0.310"), (0.0, "0.00"), (12.5, "12.5"), (123.0, "123"), (1.2e6, "1.2e+06"), (2e-5, "2e-05")],
)
def test_numbers_have_three_significant_digits(value: float, said: str) -> None:
    assert words.number(value) == said


def test_numbers_that_are_not_finite_have_names() -> None:
    assert [words.number(value) for value in (float("nan"), float("inf"), -float("inf"))] == ["NaN", "inf", "-inf"]


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (0.31, 0.009, "0.310 ± 0.009"),
        (12.3456, 0.5, "12.35 ± 0.50"),
        (1234.5, 10.0, "1234.5 ± 10.0"),
        (1.5e7, 2e5, "1.50e+07 ± 2e+05"),
        (None, 0.0, "–"),
        (float("nan"), 0.0, "NaN"),
    ],
)
def test_measured_values_share_their_decimals_with_the_error(value: float | None, error: float, said: str) -> None:
    assert words.measured(value, error) == said


def test_shares_are_never_rounded_to_nothing_or_to_all() -> None:
    assert [words.percent(share) for share in (0.0, 0.001, 0.71, 0.998, 1.0)] == [
        "0 %",
        "under 1 %",
        "71 %",
        "over 99 %",
        "100 %",
    ]


def test_names_fold_only_when_that_is_shorter() -> None:
    assert words.folded(["a"]) == "a"
    assert words.folded(["a", "b", "c"]) == "a, b and c"
    assert words.folded(["a", "b", "c", "d"]) == "a, b and 2 more"
    assert words.folded([""]) == "the model itself"


def test_sentences_keep_the_case_of_code() -> None:
    assert words.sentence("few values") == "Few values."
    assert words.sentence("model.eval() is missing") == "model.eval() is missing."
    assert words.sentence("bias=False") == "bias=False."
