"""What stands in an HTML report, without a browser: its size, its parts, and that it loads nothing."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from plotly.offline import get_plotlyjs

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.report.html.bundle import compressed_plotly
from steadynorm.report.html.documents import page_of
from steadynorm.report.html.plots import MOST_POINTS, NAMED_LINES
from steadynorm.report.model import Report
from steadynorm.report.result import CheckResult
from steadynorm.report.summary import verdict

MOST_BYTES = 6_000_000


class Texts(HTMLParser):
    """The text of a page that is read, and the tags with what they point to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.first: dict[str, str] = {}
        self.addresses: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.words.append(data)
            if self._open:
                self.first.setdefault(self._open[-1], data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def plots_in(page: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="plots">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    plots: list[dict[str, Any]] = json.loads(found[1])
    return plots


def test_verdict_comes_first_in_one_sentence(long_report: Report) -> None:
    texts = Texts(long_report.to_html())

    assert texts.first["h1"] == verdict(long_report)
    titles = ["Inference against batch", "Causes", "Layers: stored", "Remedies tried", "Not assessed"]
    assert sorted(titles, key=texts.text.index) == titles


def test_page_says_what_the_report_says(long_report: Report) -> None:
    text = Texts(long_report.to_html()).text

    assert "stored statistics (inference) training 0.310 ± 0.009 2.050 ± 0.010" in text
    assert "error SN104 statistics-lag likely" in text
    assert "metric 0.310 → becomes 0.970 with re-estimated statistics 100 % of the gap" in text
    assert "remedy Use a decay of 0.9 to 0.99." in text
    assert "to settle Pass the optimizer." in text
    assert "no train_step was given SN101, SN102" in text
    # 100 * (0.781 - 0.31) / (0.97 - 0.31), as the fixture says.
    assert "re-estimated statistics backbone.stage7.blocks[1].bn 0.310 0.781 71 %" in text


def test_source_is_shown_with_what_the_finding_points_to(source_report: Report) -> None:
    page = source_report.to_html()

    assert "4 │     nn.Conv2d(3, 64, 3),  # größer\n  │     ^^^^^^^^^^^^^^^^^^^" in page
    assert "leave out the bias (--fix)" in Texts(page).text


def test_several_models_are_listed_and_those_with_findings_told(result: CheckResult) -> None:
    text = Texts(result.to_html()).text

    assert "run/model.ckpt-1200 checkpoint, 2 layers 1 error plain.pt PyTorch checkpoint, 0 layers" in text
    assert "no.pt: there is no such file" in text
    assert "Left aside: of no format that is read (3)." in text
    assert "net/broken/bn training not run yes no SN101" in text


def test_model_without_normalization_layers_has_a_page() -> None:
    texts = Texts(Report.nothing_to_check("plain", "torch").to_html())

    assert texts.first["h1"] == "plain: nothing to check, the model has no normalization layers."


def test_nothing_is_loaded_and_nothing_may_be(many_layers: Report, run_file: Any) -> None:
    page = many_layers.to_html(run_file(["bn"]))

    assert all(each.startswith(("data:", "#")) for each in Texts(page).addresses)
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\(", page.split("</style>")[0])


def test_report_of_500_layers_with_a_long_run_is_under_6_mb(many_layers: Report, run_file: Any) -> None:
    names = [layer.name for layer in many_layers.evidence.layers]

    assert len(many_layers.to_html(run_file(names, steps=600)).encode()) < MOST_BYTES


def test_library_is_left_out_where_nothing_is_plotted(source_report: Report) -> None:
    assert len(source_report.to_html()) < 100_000


def test_library_is_plotly_with_a_bracket_around_it() -> None:
    unpacked = zlib.decompress(base64.b64decode(compressed_plotly()), -zlib.MAX_WBITS).decode()

    assert len(unpacked) - len(get_plotlyjs().rstrip()) == len("()")
    assert sorted(unpacked) == sorted(f"{get_plotlyjs().rstrip()}()")


def test_plot_has_what_was_measured_largest_first(long_report: Report) -> None:
    (plot,) = plots_in(long_report.to_html())
    shift, ratio = plot["panels"]

    assert plot["names"][0] == "backbone.stage7.blocks[1].bn"
    # The means are 0 to 13 off, with a standard error of 0.01; the deviation is the root of 1 and epsilon, 0.001.
    assert shift["values"] == pytest.approx([(13 - at) / 1.001**0.5 for at in range(14)], rel=1e-4)
    assert shift["errors"] == pytest.approx([0.01 / 1.001**0.5] * 14, rel=1e-4)
    assert shift["levels"] == [0.2] * 14
    assert ratio["levels"] == [0.3] * 14


def test_what_is_not_finite_is_no_number_in_the_data(long_report: Report) -> None:
    calls = long_report.evidence.calls
    assert calls is not None
    report = replace(long_report, evidence=replace(long_report.evidence, calls=calls[:1]))
    moments = next(iter(calls[0].moments.values()))
    broken = replace(moments, mean=moments.mean * float("nan"))
    spoilt = replace(calls[0], moments=dict.fromkeys(calls[0].moments, broken))
    report = replace(report, evidence=replace(report.evidence, calls=(spoilt,)))

    assert plots_in(report.to_html())[0]["panels"][0]["values"] == [None]
    assert "NaN" in Texts(report.to_html()).text


def test_long_run_is_thinned_and_keeps_its_largest_distance(run_file: Any) -> None:
    run = run_file([f"bn{at}" for at in range(9)], steps=3000)
    run.layers["bn0"].shift[1234] = 77.0
    loss, shift, _ = plots_in(run.to_html())
    named = {line["name"]: line for line in shift["lines"]}

    assert [line["name"] for line in loss["lines"]] == ["training loss", "validation loss"]
    assert len(named) == NAMED_LINES
    assert max(len(line["x"]) for line in shift["lines"] + loss["lines"]) == MOST_POINTS
    assert max(named["bn0"]["y"]) == 77.0
    assert max(shift["band"]["high"]) == 77.0
    assert shift["band"]["count"] == 9
    assert shift["warned"] == [{"step": 100, "text": "SN104"}]


def test_few_layers_have_lines_and_no_range(run_file: Any) -> None:
    _, shift, ratio = plots_in(run_file(["a", "b"]).to_html())

    assert shift["band"] is ratio["band"] is None
    # exp(-0.1) at the first measurement, half of it for the second layer.
    assert [line["y"][0] for line in shift["lines"]] == pytest.approx([0.904837, 0.904837 / 2], rel=1e-4)


@pytest.mark.parametrize("code", CATALOGUE)
def test_pages_of_the_checks_have_no_headings_that_break_the_report(code: str) -> None:
    page = page_of(code)

    assert not re.search(r"<h\d|<th>", page)
    assert "Why it matters" in page


def test_hostile_text_is_escaped_everywhere(hostile_report: Report, hostile_names: tuple[str, ...]) -> None:
    page = hostile_report.to_html()
    texts = Texts(page)

    for each in ("<script>window.hit", "<img src=x", "<svg onload", "<a href='java", "\u202e", "\x1b", "\u2028"):
        assert each not in page
    assert "{{ 7 * 7 }}" in texts.text
    assert r"\u202egnp.exe \x1b[31m \x80" in texts.text


def test_page_is_the_same_every_time(long_report: Report) -> None:
    assert long_report.to_html() == long_report.to_html()
