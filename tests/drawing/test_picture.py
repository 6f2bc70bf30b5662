"""The SVG file: well-formed, with every layer's name, the missing way dashed, and names without effect."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from steadynorm.artifacts.tensorflow_messages import MetaGraphDef
from steadynorm.drawing.api import draw
from steadynorm.drawing.drawing import Drawing, drawing_of
from steadynorm.drawing.drawn import Drawn
from steadynorm.drawing.picture import picture
from steadynorm.drawing.reading import read

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
LABELS = json.loads((CORPUS / "labels.json").read_text(encoding="utf-8"))
SVG = "{http://www.w3.org/2000/svg}"
SECONDS = 10.0
HOSTILE = "</title><script>window.hit = 1</script><![CDATA[ \"'&\u202e]]>"
Corpus = Callable[[str], tuple[Drawn, Drawing]]


def parsed(text: str) -> ET.Element:
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    return root


def lines(root: ET.Element, kind: str) -> list[ET.Element]:
    return [each for each in root.iter(f"{SVG}g") if each.get("class") == f"line {kind}"]


@pytest.mark.parametrize(
    "name", ["01-unet", "02-mnist-classifier", "04-signal-cnn", "09-cifar-cnn", "12-detector-export"]
)
def test_picture_is_well_formed_and_names_every_layer(name: str, corpus: Corpus) -> None:
    found, drawing = corpus(name)
    graph = found.report.evidence.graph
    assert graph is not None
    root = parsed(picture(drawing, f"the network of {name}"))
    titles = "\n".join(each.text or "" for each in root.iter(f"{SVG}title"))

    assert titles.startswith(f"the network of {name}\n")
    assert [layer.name for layer in graph.layers if f"normalization layer {layer.name}," not in titles] == []
    assert bool(lines(root, "missing")) is ("SN101" in LABELS[name]["expect"])


def test_missing_way_is_dashed_and_says_so(corpus: Corpus) -> None:
    root = parsed(picture(corpus("04-signal-cnn")[1], "x"))
    style = next(root.iter(f"{SVG}style")).text or ""
    rule = style.partition(".network .line.missing path {")[2].partition("}")[0]

    assert "stroke-dasharray" in rule
    assert "var(--bad)" in rule
    assert {each.findtext(f"{SVG}text") for each in lines(root, "missing")} == {"never run (2)"}


def test_health_is_said_in_words_and_not_in_colour_alone(corpus: Corpus) -> None:
    _, drawing = corpus("14-point-net-mixed")
    texts = {each.text for each in parsed(picture(drawing, "x")).iter(f"{SVG}text")}

    assert {"✕ error SN202", "✓ healthy"} <= texts


def test_hostile_names_are_text(onnx_file: Callable[..., Path]) -> None:
    found = read(str(onnx_file(prefix=f"/{HOSTILE}", end=f"{HOSTILE}/end")))
    text = picture(drawing_of(found.network, found.report), f"{HOSTILE}\x01\n")
    root = parsed(text)

    assert not [each for each in root.iter() if each.tag in (f"{SVG}script", "script")]
    assert "<script" not in text
    assert "\u202e" not in text.partition("<style>")[2]
    assert "\\u202e" in text


def large_graph() -> bytes:
    """An encoder of 500 blocks with scopes in scopes: 8,501 nodes."""
    meta = MetaGraphDef()
    meta.meta_info_def.tags.append("train")
    meta.meta_info_def.tensorflow_version = "1.15.0"

    def add(name: str, op: str, *inputs: str) -> str:
        node = meta.graph_def.node.add()
        node.name, node.op = name, op
        node.input.extend(inputs)
        node.attr["T"].type = 1
        return name

    given = add("input", "Placeholder")
    for at in range(500):
        scope = f"stage{at // 50}/block{at % 50}"
        kernel = add(f"{scope}/conv/kernel", "VariableV2")
        weights = add(f"{scope}/conv/kernel/read", "Identity", kernel)
        x = add(f"{scope}/conv/Conv2D", "Conv2D", given, weights)
        names = []
        for role in ("gamma", "beta", "moving_mean", "moving_variance"):
            variable = add(f"{scope}/bn/{role}", "VariableV2")
            names.append(add(f"{scope}/bn/{role}/read", "Identity", variable))
        fused = add(f"{scope}/bn/FusedBatchNorm", "FusedBatchNorm", x, *names)
        meta.graph_def.node[-1].attr["is_training"].b = False
        steps = fused
        for number in range(5):
            steps = add(f"{scope}/step{number}", "Relu", steps)
        given = add(f"{scope}/out", "Add", steps, given)
    return bytes(meta.SerializeToString())


@pytest.mark.parametrize("kind", ["page", "picture"])
def test_eight_thousand_nodes_take_under_ten_seconds(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt.meta"
    path.write_bytes(large_graph())
    begin = time.process_time()
    drawn = draw(path)
    text = drawn.to_svg() if kind == "picture" else drawn.to_html()

    assert time.process_time() - begin < SECONDS
    assert all(f"stage{at // 50}/block{at % 50}/bn" in text for at in range(500))


def test_largest_graph_of_the_corpus_takes_under_ten_seconds() -> None:
    begin = time.process_time()
    parsed(draw(CORPUS / "11-frozen-stages" / "model.ckpt.meta").to_svg())

    assert time.process_time() - begin < SECONDS
