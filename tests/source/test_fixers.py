"""Each code's fix by itself, on findings made by hand."""

from __future__ import annotations

import ast
import re

import pytest

from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.source.editing.edits import applied
from steadynorm.source.fixes.registry import fix_of, with_fixes
from steadynorm.source.reading.files import SourceFile


def mended(text: str, code: str, what: str, **evidence: object) -> str | None:
    """The text after the fix of a finding about some code in it; `None` if there is no fix."""
    file = SourceFile("a.py", text)
    node = next(node for node in ast.walk(file.tree) if hasattr(node, "lineno") and _text(file, node) == what)
    found = Finding(code, Severity.ERROR, Certainty.PROVEN, "", "", "", evidence, place=file.place(node))
    list(with_fixes([], {}))  # brings the fixes along
    fix = fix_of(found, {file.path: file})
    if fix is None:
        return None
    result = applied(text, fix.edits)
    ast.parse(result)
    return result


def _text(file: SourceFile, node: ast.AST) -> str:
    start, end = file.span(file.place(node))
    return file.text[start:end]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("v = a.extend(b)", "v = a + b"),
        ("v = a.b().extend(c[1:])", "v = a.b() + c[1:]"),
        ("v = a.extend([c for c in d])", "v = a + [c for c in d]"),
        ("v = a.extend(c for c in d)", "v = a + list((c for c in d))"),
        ("v = a.extend((c, d))", "v = a + list((c, d))"),
        ("v = a.extend(b if c else d)", "v = a + (b if c else d)"),
        ("v = (a or b).extend(c)", "v = (a or b) + c"),
        ("v = a.append(b)", "v = a + [b]"),
        ("v = a.append(b if c else d)", "v = a + [b if c else d]"),
        ("v = a.sort()", "v = sorted(a)"),
        ("v = a.reverse()", "v = a[::-1]"),
        ("v = a.insert(0, b)", None),
        ("v = a.sort(key=b)", None),
        ("self.v: list = a.extend(b)", "self.v: list = a + b"),
    ],
)
def test_list_that_is_lost(before: str, after: str | None) -> None:
    assert mended(before, "SN303", before) == after


@pytest.mark.parametrize(
    ("imports", "call", "after"),
    [
        ("import torch.nn as nn", "nn.Conv2d(3, 8, 3)", "nn.Conv2d(3, 8, 3, bias=False)"),
        ("from torch import nn", "nn.Linear(3, 8, bias=True)", "nn.Linear(3, 8, bias=False)"),
        ("from torch.nn import Conv2d as C", "C(3, 8, 3)", "C(3, 8, 3, bias=False)"),
        ("import torch", "torch.nn.Conv2d(3, 8, 3, **options)", None),
        ("from keras import layers", "layers.Dense(3)", "layers.Dense(3, use_bias=False)"),
        ("import tensorflow as tf", "tf.keras.layers.Dense(3)", "tf.keras.layers.Dense(3, use_bias=False)"),
        ("import tensorflow as tf", "tf.layers.dense(x, 3)", "tf.layers.dense(x, 3, use_bias=False)"),
        ("import tf_slim as slim", "slim.conv2d(x, 8, 3)", "slim.conv2d(x, 8, 3, biases_initializer=None)"),
        ("from flax import linen as nn", "nn.Conv(8, (3, 3))", "nn.Conv(8, (3, 3), use_bias=False)"),
        ("from mine import Conv2d", "Conv2d(3, 8)", None),
    ],
)
def test_bias(imports: str, call: str, after: str | None) -> None:
    text = f"{imports}\nx = {call}\n"

    assert mended(text, "SN501", call) == (None if after is None else text.replace(call, after))


@pytest.mark.parametrize(
    ("text", "momentum", "after"),
    [
        ("x = f(8, momentum=0.99)", 0.99, "x = f(8, momentum=0.01)"),
        ("x = f(8, 1e-3, 0.999)", 0.999, "x = f(8, 1e-3, 0.001)"),
        ("M = 0.1\nx = f(momentum=M)", 0.1, None),
        ("MOMENTUM = 0.1\nx = f(momentum=MOMENTUM)", 0.1, "MOMENTUM = 0.9\nx = f(momentum=MOMENTUM)"),
        ("def g(bn_decay=0.1):\n    x = f(bn_decay)", 0.1, "def g(bn_decay=0.9):\n    x = f(bn_decay)"),
        ("momentum = 0.1\nother_momentum = 0.1\nx = f(momentum)", 0.1, None),
        ("x = f(0.1, 0.1)", 0.1, None),
    ],
)
def test_momentum(text: str, momentum: float, after: str | None) -> None:
    (call,) = re.findall(r"f\(.*\)$", text)

    assert mended(text, "SN510", call, momentum=momentum) == after


TRAIN = "import tensorflow as tf\n\n\ndef build(loss):\n  opt = tf.train.AdamOptimizer(1e-3)\n  {}\n"


def test_train_op_is_put_under_the_updates() -> None:
    call = "opt.minimize(loss)"
    before = TRAIN.format(f"return {call}  # go")

    assert mended(before, "SN101", call, how="minimize") == TRAIN.format(
        "update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)\n  with tf.control_dependencies(update_ops):\n"
        f"    return {call}  # go"
    )


def test_updates_that_were_read_are_used() -> None:
    read = "ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)"
    text = f"import tensorflow as tf\n{read}\nstep = opt.minimize(loss)\n"

    assert mended(text, "SN101", "opt.minimize(loss)", how="minimize") == (
        f"import tensorflow as tf\n{read}\nwith tf.control_dependencies(ops):\n    step = opt.minimize(loss)\n"
    )


def test_name_that_is_taken_is_not_taken_again() -> None:
    found = mended(
        TRAIN.format("update_ops = 3; step = opt.minimize(loss)"), "SN101", "opt.minimize(loss)", how="minimize"
    )

    assert found is not None
    assert "  batch_norm_update_ops = tf.get_collection(" in found


@pytest.mark.parametrize("call", ["ema.apply([mean])", "tf.assign(a, b)"])
def test_hand_written_average_has_no_such_fix(call: str) -> None:
    assert mended(TRAIN.format(call), "SN101", call, how="minimize") is None


def test_updates_in_no_collection_have_no_such_fix() -> None:
    assert mended(TRAIN.format("opt.minimize(loss)"), "SN101", "opt.minimize(loss)", how="collection") is None
