"""What a symbolic run makes of layers that are held in something, of copies, and of modes that go through all parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from steadynorm.source.symbolic.trace import Call, Callback, Run
from steadynorm.source.symbolic.values import Instance, Known, Product

Calls = Callable[..., list[Call]]
Runs = Callable[..., list[Run]]
Shown = Callable[..., list[object]]

HEAD = """
from probe import Layer, show, source
import copy
import torch
from torch import nn
"""


def called(calls: list[Run]) -> list[str]:
    """The classes of the layers that are called, in their order."""
    found = []
    for run in calls:
        for call in run.calls():
            if isinstance(call.callee, Product) and not call.name:
                found.append(call.callee.call.name.rpartition(".")[2])
    return found


@pytest.mark.parametrize(
    "made",
    [
        "net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))",
        "net = nn.Sequential()\nnet.add_module('c', nn.Conv2d(1, 2, 3))\nnet.add_module('b', nn.BatchNorm2d(2))",
        "net = nn.Sequential(nn.Conv2d(1, 2, 3))\nnet.append(nn.BatchNorm2d(2))",
        "from collections import OrderedDict\n"
        "net = nn.Sequential(OrderedDict([('c', nn.Conv2d(1, 2, 3)), ('b', nn.BatchNorm2d(2))]))",
        "class Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))\nnet = Net()",
        "class Net(nn.Sequential):\n    pass\nnet = Net(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))",
    ],
)
def test_layers_in_a_row_are_called_in_their_order(runs: Runs, made: str) -> None:
    names = [each for each in called(runs(f"{HEAD}\n{made}\nnet(source())")) if each != "Sequential"]
    assert names == ["Conv2d", "BatchNorm2d"]


def test_layers_made_alike_are_called_once(runs: Runs) -> None:
    text = f"{HEAD}\nnet = nn.Sequential(nn.Conv2d(1, 2, 3), *[nn.BatchNorm2d(2) for _ in range(40)])\nnet(source())"
    assert called(runs(text)) == ["Sequential", "Conv2d", "BatchNorm2d"]


@pytest.mark.parametrize(
    "loop",
    [
        "layers = nn.ModuleList([nn.ReLU(), nn.BatchNorm2d(2)])\nfor layer in layers: layer(source())",
        "layers = nn.ModuleList()\nlayers.append(nn.ReLU())\nlayers.extend([nn.BatchNorm2d(2)])\n"
        "for layer in layers: layer(source())",
        "layers = nn.ModuleList([nn.ReLU(), nn.BatchNorm2d(2), nn.Tanh()])\nfor layer in layers[:-1]: layer(source())",
    ],
)
def test_lists_of_layers_are_gone_through(runs: Runs, loop: str) -> None:
    assert called(runs(f"{HEAD}\n{loop}")) == ["ReLU", "BatchNorm2d"]


def test_tables_of_layers_give_them_by_name(runs: Runs) -> None:
    text = f"{HEAD}\nlayers = nn.ModuleDict({{'a': nn.ReLU()}})\nlayers['b'] = nn.Tanh()\nlayers['b'](source())"
    assert called(runs(text)) == ["Tanh"]


def test_deep_copy_has_parts_of_its_own(calls: Calls) -> None:
    text = f"""{HEAD}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Sequential(nn.BatchNorm2d(2))
    def forward(self, x):
        return self.layer(x)
net = Net()
twin = copy.deepcopy(net)
show(net)
show(twin)
"""
    one, other = (call.arguments[0] for call in calls("probe.show", text))
    assert isinstance(one, Instance)
    assert isinstance(other, Instance)
    assert one is not other
    assert one.of is other.of
    ours, theirs = one.attributes["layer"], other.attributes["layer"]
    assert isinstance(ours, Product)
    assert isinstance(theirs, Product)
    assert ours.call.arguments[0] is not theirs.call.arguments[0]


def test_mode_goes_to_the_parts_that_have_their_own_way(runs: Runs) -> None:
    text = f"""{HEAD}
class Frozen(nn.Module):
    def train(self, mode=True):
        super().train(mode)
        show(mode)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([Frozen()])
net = Net()
net.eval()
net.train()
"""
    (run,) = (run for run in runs(text) if run.kind == "script")
    shown = [call.arguments[0] for call in run.calls() if call.name == "probe.show"]
    assert shown[:2] == [Known(False), Known(True)]


def test_number_that_a_loop_counts_up_is_not_known(shown: Shown) -> None:
    text = """
        from probe import show, source
        step = 0
        while source():
            step += 1
            if step % 1000 == 0:
                show(1)
    """
    assert shown(text) == [1]


def test_object_read_from_a_file_is_one_of_its_class(calls: Calls) -> None:
    text = """
        import lightning
        from probe import show
        class Net(lightning.LightningModule):
            def forward(self, x):
                show(x)
        net = Net.load_from_checkpoint("a.ckpt")
        net(1)
    """
    assert calls("probe.show", text)[0].arguments == (Known(1),)


def test_function_that_a_decorator_registers_is_run(calls: Calls) -> None:
    text = """
        import torch
        from flask import Flask
        from probe import show
        app = Flask(__name__)
        @app.route("/")
        def index():
            show(1)
        optimizer = torch.optim.SGD
    """
    (call,) = calls("probe.show", text)
    assert any(isinstance(block, Callback) for block in call.within)


def test_tools_hand_back_what_they_make_ready(shown: Shown) -> None:
    text = """
        from accelerate import Accelerator
        from probe import show
        tool = Accelerator()
        one, two = tool.prepare(1, 2)
        show(one)
        show(tool.prepare(3))
    """
    assert shown(text) == [1, 3]


def test_objects_of_a_library_keep_what_they_were_given(runs: Runs) -> None:
    text = """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.norms = []
                self.norms.append(nn.BatchNorm2d(2))
            def forward(self, x):
                return self.norms[0](x)
    """
    (run,) = (run for run in runs(text) if run.kind == "class")
    held = run.instances[0].attributes["norms"]
    assert len(held.items) == 1  # type: ignore[attr-defined]


def test_entry_by_a_key_that_is_not_known_is_noted(runs: Runs) -> None:
    text = """
        from probe import source
        kept = {}
        for key, value in source():
            kept[key] = value
    """
    assigned = [event for run in runs(text) for event in run.assigns()]
    assert [event.name for event in assigned] == ["[]"]


DELETED = {
    "by its position": ("axes = [0, 1, 2, 3]\ndel axes[0]\ndel axes[-1]", [1, 2]),
    "from a range": ("axes = list(range(4))\ndel axes[3], axes[0]", [1, 2]),
    "from a table": ("axes = {0: 'batch', 1: 'time'}\ndel axes[0]", [1]),
}


@pytest.mark.parametrize("name", DELETED)
def test_what_is_deleted_is_gone(name: str, shown: Shown) -> None:
    made, left = DELETED[name]
    assert shown(f"from probe import show\n{made}\nfor axis in axes:\n    show(axis)\n") == left


@pytest.mark.parametrize("made", ["[0, 1, 2]", "list(range(rank()))"])
def test_what_is_left_is_not_known_where_it_is_not_known_what_is_deleted(made: str, calls: Calls) -> None:
    (call,) = calls("probe.show", f"from probe import rank, show\naxes = {made}\ndel axes[rank()]\nshow(axes[0])\n")
    assert not isinstance(call.arguments[0], Known)
