"""The page in a browser: blocks open by click and by key, nothing is asked for, names have no effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import expect
from torch import nn

import steadynorm
from steadynorm.drawing.drawing import Drawing, drawing_of
from steadynorm.drawing.drawn import Drawn
from steadynorm.drawing.page import page as page_of
from steadynorm.drawing.reading import read

pytestmark = pytest.mark.browser

expect.set_options(timeout=30_000)  # milliseconds; other tests run at the same time

HOSTILE = "</script><img src=x onerror='window.hit = 1'>\"'&"
Corpus = Callable[[str], tuple[Drawn, Drawing]]


@dataclass
class Opened:
    """A page in the browser, what it said in the console, and what it asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    def check_quiet(self) -> None:
        assert self.said == []
        assert [each for each in self.asked_for if not each.startswith("data:")] == [self.page.url]

    def item(self, label: str) -> Any:
        """The box whose first line is this."""
        return self.page.locator(".node", has=self.page.get_by_text(label, exact=True))


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def open_page(text: str, width: int = 1280, scheme: str = "light") -> Opened:
        path = tmp_path / "network.html"
        path.write_text(text, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.on("console", lambda message: found.said.append(message.text))
        found.page.on("pageerror", lambda error: found.said.append(str(error)))
        found.page.on("request", lambda request: found.asked_for.append(request.url))
        found.page.goto(path.as_uri())
        found.page.wait_for_selector("html[data-drawing=drawn]", state="attached")
        return found

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def signal(corpus: Corpus) -> str:
    found, drawing = corpus("04-signal-cnn")
    return page_of(drawing, found.report)


def test_block_opens_and_closes_by_click(signal: str, opened: Callable[..., Opened]) -> None:
    seen = opened(signal)
    before = seen.page.locator(".node").count()
    seen.item("+ dense").click()

    opener = seen.item("− dense")
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(opener).to_be_focused()
    expect(seen.item("MatMul").first).to_be_visible()
    expect(seen.page.locator("#said")).to_have_text("dense is open.")
    assert seen.page.locator(".node").count() > before
    opener.click()
    expect(seen.item("+ dense")).to_have_attribute("aria-expanded", "false")
    assert seen.page.locator(".node").count() == before
    seen.check_quiet()


@pytest.mark.parametrize("key", ["Enter", " "])
def test_block_opens_by_key_where_tab_leads(key: str, signal: str, opened: Callable[..., Opened]) -> None:
    seen = opened(signal)
    focused = "document.activeElement.getAttribute('aria-label') ?? ''"
    for _ in range(60):
        seen.page.keyboard.press("Tab")
        if "normalization layer discriminator/batch_normalization, error SN101" in seen.page.evaluate(focused):
            break
    seen.page.keyboard.press(key)

    expect(seen.page.locator(".frame.site.error .head")).to_be_focused()
    expect(seen.item("+ AssignMovingAvg").first).to_be_visible()
    expect(seen.page.locator("#details")).to_contain_text(
        "normalization layer discriminator/batch_normalization: ✕ error SN101"
    )
    seen.check_quiet()


def test_missing_way_is_dashed_and_red_in_light_and_dark(signal: str, opened: Callable[..., Opened]) -> None:
    for scheme in ("light", "dark"):
        line = opened(signal, scheme=scheme).page.locator(".line.missing path").first
        dashes, stroke = line.evaluate("e => [getComputedStyle(e).strokeDasharray, getComputedStyle(e).stroke]")
        red, green, blue = (int(each) for each in stroke.removeprefix("rgb(").removesuffix(")").split(","))

        assert dashes != "none"
        assert red > 1.5 * max(green, blue)


def test_table_leads_to_a_layer_in_a_closed_block(corpus: Corpus, opened: Callable[..., Opened]) -> None:
    found, drawing = corpus("12-detector-export")
    seen = opened(page_of(drawing, found.report))
    layer = drawing.items[drawing.sites[-1]].layer
    assert seen.page.locator(".site").count() < len(drawing.sites)
    seen.page.get_by_role("button", name=f"Show {layer}", exact=True).click()

    expect(seen.page.locator(".node.site.chosen")).to_be_in_viewport()
    expect(seen.page.locator(".node.site.chosen")).to_be_focused()
    expect(seen.page.locator("#details")).to_contain_text(f"normalization layer {layer}: ✓ healthy")
    seen.check_quiet()


def test_tools_close_open_and_scale(signal: str, opened: Callable[..., Opened]) -> None:
    seen = opened(signal)
    width = "Number(document.getElementById('network').getAttribute('width'))"
    before = seen.page.evaluate(width)
    seen.page.get_by_role("button", name="Larger").click()
    assert seen.page.evaluate(width) == pytest.approx(1.25 * before)
    seen.page.get_by_role("button", name="Close all").click()
    expect(seen.page.locator(".frame")).to_have_count(0)
    seen.page.get_by_role("button", name="Show layers").click()
    expect(seen.page.locator(".node.site.error")).to_have_count(2)
    seen.check_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_as_wide_as_a_narrow_window(scheme: str, signal: str, opened: Callable[..., Opened]) -> None:
    seen = opened(signal, width=400, scheme=scheme)

    assert not seen.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    expect(seen.page.locator(".node.site.error").first).to_be_in_viewport()
    seen.check_quiet()


def test_hostile_names_are_shown_and_do_nothing(onnx_file: Callable[..., Path], opened: Callable[..., Opened]) -> None:
    found = read(str(onnx_file(prefix=f"/{HOSTILE}", end=f"{HOSTILE}/end")))
    seen = opened(page_of(drawing_of(found.network, found.report), found.report))
    for node in seen.page.locator(".node:not(.head)").all():
        node.focus()
    seen.page.locator(".node.site").first.click()

    expect(seen.page.locator("#details")).to_contain_text(HOSTILE.rpartition("/")[2])
    assert seen.page.evaluate("window.hit") is None
    assert seen.page.locator("img").count() == 0
    seen.check_quiet()


@pytest.mark.parametrize("width", [400, 1200])
def test_live_model_is_shown_with_what_is_not_used(width: int, opened: Callable[..., Opened]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
            self.left = nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(torch.relu(self.norm(self.conv(x))))

    model = Net()
    model.norm.running_var[1] = torch.nan
    found = steadynorm.draw(model, [(torch.rand(4, 1, 8, 8), torch.zeros(4)) for _ in range(2)], progress=False)
    seen = opened(found.to_html(), width)

    expect(seen.page.locator(".node.site.error")).to_have_count(2)
    expect(seen.page.locator(".line.shared")).to_have_count(1)
    expect(seen.page.locator(".node.noted")).to_contain_text("never called")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.page.get_by_role("button", name="Show norm", exact=True).press("Enter")
    expect(seen.page.locator(".node.site.chosen")).to_be_focused()
    expect(seen.page.locator("#details")).to_contain_text("normalization layer norm: ✕ error")
    seen.check_quiet()
