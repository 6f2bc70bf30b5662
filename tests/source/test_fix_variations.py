"""Fixes in programs that are written in other ways than the fixtures: each is what is put in, and where."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

import pytest

from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.source.editing.edits import fixed
from steadynorm.source.fixes.registry import with_fixes
from steadynorm.source.reading.files import SourceFile, read_source
from steadynorm.source_check import SourceTask, checked

HERE = Path(__file__).parent

TORCH = """import torch
from torch import nn
from torch.utils.data import DataLoader
from data import train_set, test_set

train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=64)
model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
opt = torch.optim.SGD(model.parameters(), lr=0.1)


def update(x, y):
    loss = nn.functional.mse_loss(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()


"""

KERAS = """import keras
import numpy as np

hidden = [keras.layers.Dense(8, use_bias=False), keras.layers.BatchNormalization()]
net = keras.Sequential([*hidden, keras.layers.Dense(1)])
net.load_weights("a.weights.h5")
x = np.load("x.npy")
"""

ESTIMATOR = """import tensorflow as tf
from tensorflow.estimator import ModeKeys
from data import train, test


def model_fn(features, labels, mode, params):
    training = mode == ModeKeys.TRAIN
    h = tf.layers.conv2d(features, 8, 3, use_bias=False)
    h = tf.nn.relu(tf.layers.batch_normalization(
        h,
        training=True,  # always
        name="bn",
    ))
    loss = tf.losses.mean_squared_error(labels, tf.layers.conv2d(h, 1, 1))
    if mode == ModeKeys.EVAL:
        return tf.estimator.EstimatorSpec(mode, loss=loss)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        op = tf.train.AdamOptimizer().minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=op)


est = tf.estimator.Estimator(model_fn)
est.train(train, steps=10000)
est.evaluate(test)
"""

GRAPH = """import tensorflow as tf
from data import batches

flag = tf.placeholder(tf.bool)
x = tf.placeholder(tf.float32, [None, 8, 8, 3])
y = tf.placeholder(tf.int64, [None])
h = tf.layers.conv2d(x, 8, 3, use_bias=False)
# What training updates.
ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS); h = tf.layers.batch_normalization(h, training=flag, momentum=0.9)
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(tf.layers.flatten(tf.nn.relu(h)), 3))
with tf.control_dependencies(ops): train = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(train, {x: a, y: b, flag: True})
    tf.train.Saver([v for v in tf.trainable_variables()]).save(sess, "m")
"""

GAN = (HERE / "SN101" / "tf_gan_without_updates.py").read_text().replace("  # expect: SN101", "").replace('"', "'")

CASES = {
    "an evaluation behind a colon": (
        f"{TORCH}model.train()\n"
        "for epoch in range(10):\n  for x, y in train_loader: update(x, y)\n"
        "  if epoch % 2 == 0: model.eval(); print(sum(model(x).mean().item() for x, y in test_loader))\n",
        ["  model.train()"],
    ),
    "a helper that interrupts an epoch, in an if of one line": (
        f"{TORCH}def score(m):\n    m.eval(); return sum(m(x).mean().item() for x, y in test_loader)\n\n\n"
        "step = 0\nwhile step < 1000:\n    for x, y in train_loader:\n        update(x, y); step += 1\n"
        "        if step % 100 == 0: print(score(model))\n        elif step % 77 == 0: print(step)\n",
        ["        if step % 100 == 0:", "            print(score(model))", "            model.train()"],
    ),
    "an evaluation in the midst of the steps": (
        f"{TORCH}for epoch in range(3):\n    for i, (x, y) in enumerate(train_loader):\n        update(x, y)\n"
        "        if i % 100 == 0:\n            model.eval()\n            print(i, model(x).mean().item())\n",
        ["        model.train()"],
    ),
    "an evaluation that returns": (
        f"{TORCH}def score(net):\n    with torch.no_grad():\n        total = 0\n        for x, y in test_loader:\n"
        "            total += net(x).mean().item()\n        return total\n\n\n"
        "for epoch in range(3):\n    for x, y in train_loader:\n        update(x, y)\n    print(score(model))\n",
        ["    net.eval()", "    model.train()"],
    ),
    "an evaluation in the epoch's function": (
        f"{TORCH}for epoch in range(3):\n    for x, y in train_loader:\n        update(x, y)\n"
        "    total = 0\n    for x, y in test_loader:\n        with torch.no_grad(): total += model(x).mean().item()\n"
        "    print(total)\n",
        ["    model.eval()", "    model.train()"],
    ),
    "an evaluation in a loop that begins with train()": (
        f"{TORCH}for epoch in range(3):\n    model.train()\n    for x, y in train_loader:\n        update(x, y)\n"
        "    total = 0\n    for x, y in test_loader:\n        with torch.no_grad(): total += model(x).mean().item()\n"
        "    print(total)\n",
        ["    model.eval()"],
    ),
    "several models in a loop": (
        f"{TORCH}with torch.no_grad():\n    for m in [model, model]:\n        m.load_state_dict(torch.load('a'))\n"
        "        for x, _ in test_loader:\n            print(m(x).argmax(1))\n",
        ["        m.eval()"],
    ),
    "a freeze by a function": (
        f"{TORCH}def freeze(net):\n    for m in net.modules():\n"
        "        if isinstance(m, nn.BatchNorm2d): m.eval()\n\n\n"
        "model.load_state_dict(torch.load('a.pt'))\nfreeze(model)\n"
        "for epoch in range(3):\n    model.train()\n    for x, y in train_loader:\n        update(x, y)\n",
        ["    freeze(model)"],
    ),
    "weights within a dict of several lines": (
        f"{TORCH}for x, y in train_loader:\n    update(x, y)\n"
        "torch.save({\n    'epoch': 10,\n    'weights': dict(model.named_parameters()),\n}, 'b.pt')\n",
        ["    'weights': model.state_dict(),"],
    ),
    "modes by position and within a string": (
        f'{KERAS}print(f"score {{net(x, training=True).numpy().mean()}}")\nnp.save("y.npy", net(x, True).numpy())\n',
        [
            'print(f"score {net(x, training=False).numpy().mean()}")',
            'np.save("y.npy", net(x, False).numpy())',
        ],
    ),
    "the mode of an estimator that has a name": (ESTIMATOR, ["        training=training,  # always"]),
    "two networks in a file with single quotes": (
        GAN,
        [
            "update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope='discriminator')",
            "with tf.control_dependencies(update_ops):",
            "    d_step = tf.train.AdamOptimizer(2e-4)"
            ".minimize(d_loss, var_list=tf.trainable_variables('discriminator'))",
            "update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope='generator')",
            "with tf.control_dependencies(update_ops):",
            "    g_step = tf.train.AdamOptimizer(2e-4).minimize(g_loss, var_list=tf.trainable_variables('generator'))",
        ],
    ),
    "updates read in a line with others": (
        GRAPH,
        [
            "h = tf.layers.batch_normalization(h, training=flag, momentum=0.9)",
            "ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)",
            '    tf.train.Saver([v for v in tf.global_variables()]).save(sess, "m")',
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_program_is_mended(name: str) -> None:
    text, put = CASES[name]
    file = SourceFile("a.py", text)
    report = checked([file], SourceTask()).report
    assert report is not None
    done = fixed({"a.py": file}, (each.fix for each in report.findings if each.fix is not None)).texts["a.py"]
    again = checked([SourceFile("a.py", done)], SourceTask()).report
    assert again is not None
    mended = {each.code for each in report.findings if each.fix is not None}
    lines = difflib.ndiff(text.splitlines(), done.splitlines())

    assert [line[2:] for line in lines if line.startswith("+ ")] == put
    assert not mended & {each.code for each in again.findings}
    assert not {each.code for each in again.findings} - {each.code for each in report.findings}


UNFIXED = {
    "models that a comprehension names": (
        f"{TORCH}other = [model, model]\nfor m in other:\n    m.load_state_dict(torch.load('a'))\n"
        "with torch.no_grad():\n    for x, _ in test_loader:\n        print([m(x).argmax(1) for m in other])\n"
    ),
}


@pytest.mark.parametrize("name", UNFIXED)
def test_what_cannot_be_said_in_a_line_is_left(name: str) -> None:
    report = checked([SourceFile("a.py", UNFIXED[name])], SourceTask()).report

    assert report is not None
    assert not [each for each in report.findings if each.fix is not None]


HOWS = (
    "constant",
    "default",
    "layer",
    "eval",
    "mode",
    "fit",
    "early",
    "scope",
    "inner",
    "loop",
    "fed",
    "train",
    "apply",
)
FACTS: tuple[dict[str, object], ...] = (
    {},
    {"tf": "tf", "flag": "is_training", "keyword": "training", "inner": True, "trained": False},
    {"argument": "train", "parameter": "train", "right": True, "frozen": "m.eval()"},
)


@pytest.mark.parametrize("how", HOWS)
def test_no_fix_breaks_code_wherever_it_is_put(how: str) -> None:
    """Findings anywhere, about anything: a fix is edits that leave Python, or there is none."""
    codes = sorted({each.parent.name for each in HERE.glob("SN???/*.fixed.py")})
    count = 0
    for path in sorted(HERE.glob("SN???/*.py"))[HOWS.index(how) :: 61]:
        file = read_source(str(path))
        calls = [] if file is None else [node for node in ast.walk(file.tree) if isinstance(node, ast.Call)][::6]
        assert file is not None or not calls
        for number, call in enumerate(calls):
            related = [f"{path}:{each.lineno}" for each in (calls[-1 - number], calls[0])]
            facts = {"how": how, "related": related, **FACTS[number % len(FACTS)]}
            for code in codes:
                assert file is not None
                found = Finding(code, Severity.ERROR, Certainty.PROVEN, "", "", "", facts, place=file.place(call))
                (done,) = with_fixes([found], {file.path: file})
                if done.fix is not None:
                    count += 1
                    assert fixed({file.path: file}, [done.fix]).made, (path, call.lineno, code)
    assert count > 10
