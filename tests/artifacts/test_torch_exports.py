"""TorchScript and exported programs: weights against PyTorch's own loaders, modes against how they were made."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.formats import read
from steadynorm.evidence import Mode
from steadynorm.graphs.script_code import ScriptCode
from steadynorm.recorded import Choice, Graph

torch = pytest.importorskip("torch")
nn = torch.nn


class Net(nn.Module):
    """Two layers with other options, one of which is used twice, and one that keeps no statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4, eps=1e-3, momentum=0.25)
        self.again = nn.ModuleList([nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4)])
        self.bare = nn.BatchNorm1d(4, track_running_stats=False)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn(self.conv(x)))
        for part in self.again:
            x = part(x)
        x = torch.sigmoid(self.again[1](x))
        return self.head(self.bare(x.mean((2, 3))))


class Functional(nn.Module):
    """Batch normalization without a layer's class or names."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("m1", torch.zeros(3))
        self.register_buffer("v1", torch.ones(3))
        self.register_buffer("m2", torch.zeros(3))
        self.register_buffer("v2", torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.batch_norm(x, self.m1, self.v1, None, None, self.training)
        return nn.functional.batch_norm(x, self.m2, self.v2, None, None, False)


def trained(model: Any) -> Any:
    torch.manual_seed(0)
    for _ in range(3):
        model(torch.randn(8, 3, 4, 4))
    return model


def traced(model: Any) -> Any:
    return torch.jit.trace(model, torch.randn(2, 3, 4, 4), check_trace=False)


def script(model: Any, how: Callable[[Any], Any], path: Path) -> Contents:
    with warnings.catch_warnings(action="ignore"):
        torch.jit.save(how(model), path)
        truth = torch.jit.load(path).state_dict()
    contents = read(path)
    assert contents.format == "TorchScript"
    named = {name: tensor for name, tensor in contents.tensors.items() if not name.startswith("CONSTANTS")}
    assert set(named) == set(truth)
    for name, tensor in named.items():
        assert tensor.load().tobytes() == truth[name].numpy().tobytes()
    return contents


def export(model: Any, path: Path, decomposed: bool = False) -> Contents:
    with warnings.catch_warnings(action="ignore"):
        program = torch.export.export(model, (torch.randn(2, 3, 4, 4),))
        if decomposed:
            program = program.run_decompositions()
        torch.export.save(program, path)
        truth = torch.export.load(path).state_dict
    contents = read(path)
    assert contents.format == "exported PyTorch program"
    assert set(contents.tensors) == set(truth)
    for name, tensor in contents.tensors.items():
        assert tensor.load().tobytes() == truth[name].detach().numpy().tobytes()
    return contents


def graph_of(contents: Contents) -> Graph:
    assert contents.graph is not None
    return contents.graph


def modes(contents: Contents) -> list[tuple[str, Mode | None]]:
    return [(use.layer, use.mode) for use in graph_of(contents).uses]


EVAL = [("bn", Mode.POPULATION), ("again.1", Mode.POPULATION), ("again.1", Mode.POPULATION), ("bare", Mode.BATCH)]
TRAIN = [(name, Mode.BATCH) for name, _ in EVAL]

makers = pytest.mark.parametrize(
    "make",
    [
        lambda model, folder: script(model, traced, folder / "model.pt"),
        lambda model, folder: export(model, folder / "model.pt2"),
        lambda model, folder: export(model, folder / "model.pt2", decomposed=True),
    ],
    ids=["traced", "exported", "decomposed"],
)


@makers
def test_made_in_training_mode(tmp_path: Path, make: Any) -> None:
    contents = make(trained(Net()), tmp_path)
    graph = graph_of(contents)

    assert modes(contents) == TRAIN
    assert all(use.choice is Choice.FIXED for use in graph.uses)
    moved = {(each.layer, each.statistic, round(each.decay or 0, 6)) for each in graph.updates}
    assert moved == {
        ("bn", "mean", 0.75), ("bn", "variance", 0.75), ("again.1", "mean", 0.9), ("again.1", "variance", 0.9)
    }  # fmt: skip
    assert graph.exported
    assert graph.inference_only


@makers
def test_made_in_inference_mode(tmp_path: Path, make: Any) -> None:
    contents = make(trained(Net()).eval(), tmp_path)

    assert modes(contents) == EVAL
    assert graph_of(contents).updates == ()


@makers
def test_layers_with_their_options(tmp_path: Path, make: Any) -> None:
    layers = {each.name: each for each in graph_of(make(Net().eval(), tmp_path)).layers}

    assert list(layers) == ["bn", "again.1", "bare"]
    bn = layers["bn"]
    assert (bn.kind, bn.channels, bn.epsilon, bn.decay, bn.dtype) == ("BatchNorm2d", 4, 1e-3, 0.75, "float32")
    assert (bn.gamma, bn.beta, bn.mean, bn.variance) == ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    assert (layers["bare"].mean, layers["bare"].variance) == (None, None)


@makers
def test_what_stands_before_and_after(tmp_path: Path, make: Any) -> None:
    uses = graph_of(make(Net().eval(), tmp_path)).uses

    assert [(each.kind, each.bias) for each in uses[0].before] == [("convolution", True)]
    assert [each.kind for each in uses[0].after] == ["activation", "convolution"]
    assert (uses[1].before[0].kind, uses[1].before[0].bias) == ("convolution", False)
    assert uses[2].after[0].kind == "sigmoid"
    assert (uses[3].after[0].kind, uses[3].after[0].bias) == ("linear", True)


def test_normalized_output(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    for contents in (script(model, traced, tmp_path / "a.pt"), export(model, tmp_path / "b.pt2")):
        assert [each.kind for each in graph_of(contents).uses[0].after] == ["output"]


@pytest.mark.parametrize(("model", "default"), [(Net(), Mode.BATCH), (Net().eval(), Mode.POPULATION)])
def test_a_scripted_layer_reads_a_flag_that_was_saved(tmp_path: Path, model: Any, default: Mode) -> None:
    contents = script(model, torch.jit.script, tmp_path / "model.pt")
    graph = graph_of(contents)

    assert contents.facts["complete"] is True
    assert modes(contents) == [("bn", None), ("again.1", None), ("again.1", None), ("bare", Mode.BATCH)]
    use = graph.uses[0]
    assert (use.choice, use.switch, use.default) == (Choice.VARIABLE, "bn.training", default)
    assert not any(each.always for each in graph.updates)
    assert [each.kind for each in use.before] == ["convolution"]
    assert [each.kind for each in use.after] == ["activation", "convolution"]
    found = contents.facts["modules"]["bn"]
    assert found["eps"] == 1e-3
    assert found["training"] is (default is Mode.BATCH)


def test_a_layer_frozen_in_the_source(tmp_path: Path) -> None:
    """eval() on one layer only, and the model traced in training mode."""
    model = Net()
    model.bn.eval()

    assert modes(script(model, traced, tmp_path / "a.pt"))[:2] == [("bn", Mode.POPULATION), ("again.1", Mode.BATCH)]
    assert modes(export(model, tmp_path / "b.pt2"))[:2] == [("bn", Mode.POPULATION), ("again.1", Mode.BATCH)]


@pytest.mark.parametrize("training", [True, False])
def test_functions_without_layers(tmp_path: Path, training: bool) -> None:
    model = Functional().train(training)
    first = Mode.BATCH if training else Mode.POPULATION
    for contents in (script(model, traced, tmp_path / "a.pt"), export(model, tmp_path / "b.pt2")):
        assert modes(contents) == [("m1", first), ("m2", Mode.POPULATION)]
        layers = [(each.mean, each.variance) for each in graph_of(contents).layers]
        assert layers == [("m1", "v1"), ("m2", "v2")]
    assert graph_of(script(model, torch.jit.script, tmp_path / "c.pt")).uses[0].default is first


def test_a_frozen_model_has_its_statistics_among_its_constants(tmp_path: Path) -> None:
    """A normalization before anything that it could be folded into stays."""
    model = trained(nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1))).eval()
    contents = script(model, lambda each: torch.jit.freeze(torch.jit.script(each)), tmp_path / "model.pt")
    (layer,) = graph_of(contents).layers

    assert [mode for _, mode in modes(contents)] == [Mode.POPULATION]
    assert layer.mean is not None
    assert contents.tensors[layer.mean].load().tobytes() == model[0].running_mean.numpy().tobytes()
    assert contents.tensors[layer.variance or ""].load().tobytes() == model[0].running_var.numpy().tobytes()


def test_folded_normalization_is_gone(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    contents = script(model, lambda each: torch.jit.freeze(torch.jit.script(each)), tmp_path / "model.pt")

    assert graph_of(contents).uses == ()


def test_instance_normalization_is_no_batch_normalization(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4, affine=True)).eval()

    assert graph_of(script(model, traced, tmp_path / "a.pt")).uses == ()
    assert graph_of(export(model, tmp_path / "b.pt2")).uses == ()
    assert graph_of(export(model, tmp_path / "b.pt2", decomposed=True)).uses == ()


def test_a_program_of_pytorch_2_4(tmp_path: Path) -> None:
    """Written as torch.export.save wrote it up to 2.7: the weights are an archive of torch.save within the archive."""
    from torch._export.serde.serialize import serialize

    model, path = trained(Net()), tmp_path / "old.pt2"
    with warnings.catch_warnings(action="ignore"):
        artifact = serialize(torch.export.export(model, (torch.randn(2, 3, 4, 4),)))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("version", "5.1")
        file.writestr("serialized_exported_program.json", artifact.exported_program)
        file.writestr("serialized_state_dict.pt", artifact.state_dict)
        file.writestr("serialized_constants.pt", artifact.constants)
        file.writestr("serialized_example_inputs.pt", artifact.example_inputs)
    contents = read(path)

    assert modes(contents) == TRAIN
    for name, value in model.state_dict().items():
        if name in contents.tensors or "num_batches" not in name:
            assert contents.tensors[name].load().tobytes() == value.numpy().tobytes()


def test_a_program_without_a_graph_keeps_its_weights(tmp_path: Path) -> None:
    export(Net().eval(), tmp_path / "model.pt2")
    bare = tmp_path / "bare.pt2"
    with zipfile.ZipFile(tmp_path / "model.pt2") as old, zipfile.ZipFile(bare, "w") as new:
        for name in old.namelist():
            new.writestr(name, json.dumps({}) if name.endswith("models/model.json") else old.read(name))

    contents = read(bare)
    assert contents.graph is None
    assert "bn.running_mean" in contents.tensors


# Code that is not what torch.jit.save writes


def rewritten(path: Path, code: str) -> Contents:
    """A saved model whose code is another: `forward` of the model's class."""
    with warnings.catch_warnings(action="ignore"):
        torch.jit.save(traced(nn.Sequential(nn.BatchNorm2d(3))), path.with_suffix(".old"))
    with zipfile.ZipFile(path.with_suffix(".old")) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, code.encode() if b"class Sequential" in data and name.endswith(".py") else data)
    return read(path)


HEAD = "class Sequential(Module):\n  def forward(self, x: Tensor) -> Tensor:\n"


@pytest.mark.parametrize(
    "code",
    [
        "",
        "class Sequential(Module):\n  pass\n",
        "\x00",
        "class",
        HEAD + "    return " + "x." * 100_000 + "y\n",
        HEAD + "    return " + "(" * 1000 + "x" + ")" * 1000 + "\n",
        HEAD + "    return self.forward(self.forward(x))\n",
        HEAD + "    return " + "torch.relu(" * 150 + "x" + ")" * 150 + "\n",
        HEAD + "    return torch.batch_norm()\n",
        HEAD + "    return torch.batch_norm(x, 1, 'a', [], self, x, self.training, None)\n",
        HEAD + "    a, b, c = x\n    a.b = 3\n    return a[0][1:2]\n",
        HEAD + "    a = [x]\n" + "    a = [a, a]\n" * 200 + "    return torch.cat(a)\n",
        HEAD + "    if self.training:\n      x = torch.relu(x)\n    else:\n      pass\n" * 500,
        HEAD + "    return getattr(self, 'forward')(x)\n",
        HEAD + "    return 1if x else 2\n",
        HEAD + "    return '\\d'\n",
        HEAD + "    return __import__('os').system('true')\n",
    ],
    ids=range(17),
)
def test_other_code_is_followed_as_far_as_it_goes(tmp_path: Path, code: str) -> None:
    contents = rewritten(tmp_path / "model.pt", code)

    assert "0.running_mean" in contents.tensors


def test_code_is_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    rewritten(tmp_path / "model.pt", f"open({str(marker)!r}, 'w')\n{HEAD}    return open({str(marker)!r}, 'w')\n")

    assert not marker.exists()


def test_a_function_that_calls_others_ever_more_often_ends(tmp_path: Path) -> None:
    """Each of its 30 methods calls the next one three times."""
    method = "  def m{0}(self, x):\n    return self.m{1}(self.m{1}(self.m{1}(x)))\n"
    methods = "".join(method.format(n, n + 1) for n in range(30)) + "  def m30(self, x):\n    return x\n"
    contents = rewritten(tmp_path / "model.pt", f"{HEAD}    return self.m0(x)\n{methods}")

    assert contents.facts["complete"] is False


def test_a_class_s_constants() -> None:
    code = ScriptCode({"__torch__.a": b"class B(Module):\n  eps : Final[float] = 0.5\n  training : bool\n"}.get)
    found = code.class_of("__torch__.a.B")

    assert found is not None
    assert list(found.constants) == ["eps"]
    assert code.class_of("__torch__.a.C") is None
    assert code.class_of("__torch__.z.B") is None
