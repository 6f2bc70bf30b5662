"""What a symbolic run leaves where not everything is known: both branches, blocks, callbacks, other files."""

from __future__ import annotations

from collections.abc import Callable

from steadynorm.source.symbolic.trace import Branch, Call, Callback, Frame, Loop, Run, With
from steadynorm.source.symbolic.values import Choice, Instance, Known, Product

Calls = Callable[..., list[Call]]
Runs = Callable[..., list[Run]]
Shown = Callable[..., list[object]]


def test_undecided_branches_are_both_run_from_the_same_state(shown: Shown, calls: Calls) -> None:
    text = """
        import sys
        from probe import show
        x = 1
        if sys.argv:
            show(x)
            x = 2
        else:
            show(x)
            x = 3
        show(x)
    """
    assert shown(text) == [1, 1, "Choice"]
    arms = [block.arm for call in calls("probe.show", text) for block in call.within if isinstance(block, Branch)]
    assert arms == [True, False]
    last = calls("probe.show", text)[-1].arguments[0]
    assert isinstance(last, Choice)
    assert set(last.options) == {Known(2), Known(3)}


def test_what_only_one_branch_appends_makes_a_list_incomplete(calls: Calls) -> None:
    text = """
        import sys
        from probe import show
        layers = ["conv"]
        if sys.argv:
            layers.append("norm")
        layers.append("relu")
        show(layers)
    """
    (call,) = calls("probe.show", text)
    assert [each.value for each in call.arguments[0].items] == ["conv", "norm", "relu"]
    assert not call.arguments[0].whole


def test_rest_of_a_block_stands_under_the_other_arm(calls: Calls) -> None:
    text = """
        from probe import show, mode
        def f():
            if mode == "predict":
                return show(1)
            show(2)
        f()
    """
    first, second = calls("probe.show", text)
    assert [block.arm for block in first.within if isinstance(block, Branch)] == [True]
    assert [block.arm for block in second.within if isinstance(block, Branch)] == [False]


def test_what_an_arm_makes_and_gives_is_whole(shown: Shown) -> None:
    text = """
        from probe import show, kind
        class Net:
            def __init__(self):
                self.size = 3
        def make(kind):
            if kind == "net":
                return Net()
            raise ValueError(kind)
        show(make(kind).size)
    """
    assert shown(text) == [3]


def test_what_a_handler_does_instead_does_not_count(shown: Shown) -> None:
    text = """
        from probe import show, risky
        try:
            import numpy as backend
            x = 1
        except ImportError:
            backend = None
            x = 2
        show(x)
        show(backend)
    """
    assert shown(text) == [1, "External"]


def test_blocks_around_a_call(calls: Calls) -> None:
    text = """
        import torch
        from probe import show
        def f(loader):
            for batch in loader:
                with torch.no_grad():
                    show(batch)
    """
    (call,) = calls("probe.show", text)
    kinds = [type(block) for block in call.within if isinstance(block, Loop | With)]
    assert kinds == [Loop, With]
    assert call.stack[-1].function.name == "f"


COSTLY = """
    from probe import show, text_of
    def documented(function, kind=None):
        show("documented")
        text = ""
        for part in (1, 2, 3):
            {cost}
        {end}
    def wanted(part, text):
        return text_of(part)
    @documented
    def first(x):
        show(x)
    @documented
    def second(x):
        show(x)
    first(1)
    second(2)
"""


def test_decorator_that_is_too_much_work_leaves_the_function_as_it_is(calls: Calls) -> None:
    lines = "\n            ".join(["text += wanted(part, text)"] * 4000)
    text = COSTLY.format(cost=lines, end="return function")
    shown = calls("probe.show", text)
    # Nothing of what could not be followed is left, and what comes behind it is run as if it were from outside.
    assert [call.arguments[0] for call in shown] == [Known(1), Known(2)]
    assert [[type(block) for block in call.within] for call in shown] == [[With, Frame]] * 2


def test_decorator_that_runs_what_it_is_given_is_followed_as_far_as_half_of_what_is_left(calls: Calls) -> None:
    lines = "\n            ".join(["text += wanted(part, text)"] * 200)
    text = COSTLY.format(cost=lines, end="function(0)\n        return function")
    assert [call.arguments[0].value for call in calls("probe.show", text)] == ["documented", 0, 1, 2]


def test_decorator_from_outside_stands_as_a_with_block(calls: Calls) -> None:
    text = """
        import torch
        from probe import show
        @torch.no_grad()
        def f(x):
            show(x)
        f(1)
    """
    (call,) = calls("probe.show", text)
    (block,) = (block for block in call.within if isinstance(block, With))
    assert isinstance(block.context, Product)
    assert block.context.call.name == "torch.no_grad"


def test_functions_are_run_where_they_are_handed_over(runs: Runs) -> None:
    text = """
        import tensorflow as tf
        from probe import show
        y = tf.cond(p, lambda: show(1), lambda: show(2))
    """
    (run,) = runs(text)
    (cond,) = (call for call in run.calls() if call.name == "tensorflow.cond")
    first, second = (call for call in run.calls() if call.name == "probe.show")
    assert [block.argument for call in (first, second) for block in call.within if isinstance(block, Callback)] == [
        1,
        2,
    ]
    assert cond.callbacks == {1: first.result, 2: second.result}


def test_names_are_canonical_whatever_way_they_were_imported(runs: Runs) -> None:
    text = """
        import tensorflow.compat.v1 as tf
        from tensorflow.keras.layers import BatchNormalization as BN
        from tensorflow.contrib import slim
        from torch.nn import *
        import torch.nn.functional as F
        tf.layers.dense(1)
        BN()
        slim.batch_norm(1)
        BatchNorm2d(3)
        F.relu(1)
    """
    (run,) = runs(text)
    assert [call.name for call in run.calls()] == [
        "tensorflow.layers.dense",
        "keras.layers.BatchNormalization",
        "slim.batch_norm",
        "torch.nn.BatchNorm2d",
        "torch.nn.functional.relu",
    ]


def test_other_files_are_run_when_something_of_theirs_is_needed(shown: Shown) -> None:
    files = {
        "models/__init__": "from .net import *\nfrom .head import Head as H",
        "models/net": "from probe import show\nfrom ..settings import N\ndef build(x): return x + N",
        "models/head": "class Head:\n    size = 4",
        "settings": "N = 10",
    }
    text = """
        from probe import show
        import models
        from models import build
        import settings as s
        show(build(1))
        show(models.H.size)
        show(models.net.build(2))
        show(s.N)
    """
    assert shown(text, **files) == [11, 4, 12, 10]


def test_imports_in_a_circle_end(shown: Shown) -> None:
    files = {"a": "from b import y\nx = 1", "b": "from a import x\ny = 2"}
    assert shown("from probe import show\nfrom a import x\nfrom b import y\nshow(x); show(y)", **files) == [1, 2]


def test_objects_of_frameworks_classes_run_their_forward(calls: Calls) -> None:
    text = """
        import torch.nn as nn
        from probe import show
        class Block(nn.Module):
            def __init__(self, n):
                super().__init__()
                self.n = n
            def forward(self, x):
                show(self.n)
                return x
        net = nn.Sequential(Block(1), nn.DataParallel(Block(2)), nn.Sequential(Block(3)))
        net(0)
    """
    assert [call.arguments[0] for call in calls("probe.show", text)] == [Known(1), Known(2), Known(3)]


def test_methods_that_a_framework_calls_are_run_on_the_object_that_was_made(shown: Shown) -> None:
    text = """
        import lightning as L
        from probe import show
        class Lit(L.LightningModule):
            def __init__(self, n): self.n = n
            def training_step(self, batch, i): show(self.n)
        L.Trainer().fit(Lit(5))
    """
    assert shown(text) == [5]


def test_classes_and_functions_that_nobody_uses_are_run_with_unknown_parameters(runs: Runs, calls: Calls) -> None:
    text = """
        import torch.nn as nn
        from probe import show
        def train(model, epochs=3):
            model.train()
            show(epochs)
        class Net(nn.Module):
            def __init__(self, norm=nn.BatchNorm2d):
                self.norm = norm(8)
            def forward(self, x):
                show(self.norm)
    """
    assert sorted((run.kind, run.name) for run in runs(text)) == [
        ("class", "Net"),
        ("function", "train"),
        ("script", "main"),
    ]
    assert [type(call.arguments[0]).__name__ for call in calls("probe.show", text)] == ["Product", "Parameter"]


def test_gradients_of_functions_run_the_function(calls: Calls) -> None:
    text = """
        import jax
        from probe import show
        def loss_fn(p): return show(p), "aux"
        (loss, aux), grads = jax.value_and_grad(loss_fn, has_aux=True)(1)
        show(aux)
        grads, aux = jax.grad(loss_fn, has_aux=True)(2)
        show(aux)
    """
    assert [call.arguments[0] for call in calls("probe.show", text)] == [
        Known(1),
        Known("aux"),
        Known(2),
        Known("aux"),
    ]


def test_endless_programs_are_cut_short_and_say_so(runs: Runs) -> None:
    calls_many = "def f0(n): n()\n" + "".join(f"def f{i}(n):\n    f{i - 1}(n)\n    f{i - 1}(n)\n" for i in range(1, 30))
    (run, *_) = runs(f"import torch\n{calls_many}\nf29(print)")
    assert not run.whole
    (run, *_) = runs("def f(n): return f(n + 1)\nf(0)")
    assert run.whole


def test_decorator_without_end_ends_no_run(runs: Runs, shown: Shown) -> None:
    endless = "import torch\ndef f0(n): n()\n" + "".join(
        f"def f{i}(n):\n    f{i - 1}(n)\n    f{i - 1}(n)\n" for i in range(1, 30)
    )
    docs = f"{endless}\ndef documented(function):\n    f29(print)\n    return function\n"
    scripts = {
        name: f"""
        import torch
        from probe import show
        from docs import documented

        @documented
        def give():
            return {number}

        show(give())
        """
        for number, name in enumerate("abc")
    }

    found = runs("import torch", docs=docs, **scripts)

    assert all(run.whole for run in found)
    assert shown("import torch", docs=docs, **scripts) == [0, 1, 2]


def test_an_object_knows_where_it_was_made(runs: Runs) -> None:
    (run,) = runs("import torch.nn as nn\nclass A(nn.Module):\n    pass\n\na = A()")
    (instance,) = run.instances
    assert isinstance(instance, Instance)
    assert instance.place is not None
    assert instance.place.line == 5
