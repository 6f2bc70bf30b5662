"""Which mode a fix writes into a call: one that is in scope, if there is one, and none where the call may have it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.source.editing.edits import applied
from steadynorm.source.fixes.registry import with_fixes
from steadynorm.source.reading.files import SourceFile, read_source
from steadynorm.source_check import SourceTask, checked

HERE = Path(__file__).parent


def with_fix(text: str, code: str, call: str, **others: object) -> Finding:
    """A finding about a call in `text`, and what becomes of it; arguments in capitals are further files."""
    names = {f"{name.lower()}.py": str(each) for name, each in others.items() if name.isupper()}
    files = {name: SourceFile(name, each) for name, each in ({"a.py": text} | names).items()}
    nodes = (each for each in ast.walk(files["a.py"].tree) if isinstance(each, ast.Call))
    node = next(each for each in nodes if ast.unparse(each) == call)
    evidence = {name: each for name, each in others.items() if not name.isupper()}
    place = files["a.py"].place(node)
    found = Finding(code, Severity.ERROR, Certainty.PROVEN, "", "", "Write it.", evidence, place=place)
    (done,) = with_fixes([found], files)
    return done


def mended(text: str, code: str, call: str, **others: object) -> str | None:
    """The call as the fix has it; `None` without a fix."""
    fix = with_fix(text, code, call, **others).fix
    if fix is None:
        return None
    after = ast.parse(applied(text, fix.edits))
    before = {ast.unparse(each) for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Call)}
    changed = [ast.unparse(each) for each in ast.walk(after) if isinstance(each, ast.Call)]
    return min((each for each in changed if each not in before), key=len)


SPREAD = [
    ("SN201", "model(x, **kwargs)", {"how": "default"}, "training"),
    ("SN201", "bn(x, scale=True, **kwargs)", {"how": "default", "tf": "tf", "keyword": "is_training"}, "is_training"),
    ("SN202", "bn(x, True, **kwargs)", {"how": "default", "tf": "tf", "keyword": "training"}, "training"),
    ("SN202", "model(x, **kwargs)", {"how": "omitted"}, "training"),
    (
        "SN202",
        "bn(x, trainable=training, **kwargs)",
        {"how": "trainable", "tf": "tf", "keyword": "training"},
        "training",
    ),
    ("SN202", "F.batch_norm(x, m, v, **kwargs)", {"how": "default"}, "training"),
    (
        "SN205",
        "bn(x, **kwargs)",
        {"how": "training", "tf": "tf", "flag": "training", "keyword": "is_training", "inner": False},
        "is_training",
    ),
    (
        "SN205",
        "conv(x, normalizer_fn=bn, **kwargs)",
        {"how": "training", "tf": "tf", "flag": "training", "keyword": "is_training", "inner": True},
        "normalizer_params",
    ),
    ("SN205", "bn(x, **kwargs)", {"how": "wrapper", "parameter": "training"}, "training"),
]


@pytest.mark.parametrize(("code", "call", "evidence", "argument"), SPREAD, ids=lambda each: str(each)[:40])
def test_no_mode_is_put_into_a_call_that_may_have_it(
    code: str, call: str, evidence: dict[str, object], argument: str
) -> None:
    text = f"class Net(Base):\n    def run(self, x, training, kwargs):\n        return {call}\n"

    done = with_fix(text, code, call, **evidence)

    assert done.fix is None
    assert done.remedy == f"Write it. There is no fix for this call, since '**kwargs' may hold {argument}= too."


def test_the_same_calls_without_the_mapping_get_the_mode() -> None:
    for code, call, evidence, _ in SPREAD:
        bare = call.replace(", **kwargs", "")
        text = f"class Net(Base):\n    def run(self, x, training):\n        return {bare}\n"

        assert mended(text, code, bare, **evidence) is not None


@pytest.mark.parametrize(
    ("code", "call", "evidence", "after"),
    [
        ("SN201", "model(x, training=True, **kwargs)", {"how": "constant"}, "model(x, training=False, **kwargs)"),
        ("SN201", "model(x, True, **kwargs)", {"how": "constant"}, "model(x, False, **kwargs)"),
    ],
)
def test_mode_that_is_written_beside_a_mapping_is_replaced(
    code: str, call: str, evidence: dict[str, object], after: str
) -> None:
    assert mended(f"y = {call}\n", code, call, **evidence) == after


def test_spread_is_told_in_the_report() -> None:
    file = read_source(str(HERE / "SN201" / "tf_options_spread.py"))
    assert file is not None
    report = checked([file], SourceTask()).report
    assert report is not None
    (found,) = report.findings

    assert found.fix is None
    assert found.remedy.endswith("There is no fix for this call, since '**OPTIONS' may hold is_training= too.")


GRAPH = {"how": "constant", "tf": "tf", "keyword": "is_training"}
CALL = "bn(x, is_training=True)"


def methods(init: str, head: str = "class Net:", method: str = "def build(self, x):") -> str:
    return (
        f"{head}\n    def __init__(self, is_training=False):\n        {init}\n\n    {method}\n        return {CALL}\n"
    )


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (methods("self.is_training = is_training"), "self.is_training"),
        (methods("self.training = is_training"), "self.training"),
        (methods("self.is_test = not is_training"), "not self.is_test"),
        (methods("self.mode = is_training"), None),
        (methods("self.is_training = is_training", method="def build(net, x):"), "net.is_training"),
        (methods("self.is_training = is_training", method="@staticmethod\n    def build(x):"), None),
        (methods("self.is_training = is_training", method="def build(self, x, train):"), "train"),
        (methods("self.is_training = is_training", method="def build(self, x):\n        def inner():"), None),
        (methods("self.is_training = True"), None),
        (methods("self.is_training = True") + "\n\nnet.is_training = False\n", "self.is_training"),
        (methods("self.y = self.build(1); self.is_training = is_training"), None),
        (methods("self.is_training = is_training; self.y = self.build(1)"), "self.is_training"),
        (methods("pass", "class Net:\n    train: bool = True\n"), "self.train"),
        (methods("pass", "class Net(nets.Base):"), "self.training"),
        (
            f"class Net:\n    def __init__(self, x, train_flag):\n        self.train = train_flag\n        {CALL}\n",
            "train_flag",
        ),
        (f"class Net:\n    def __init__(self, x):\n        self.train = x.train\n        {CALL}\n", "self.train"),
        (f"class Net:\n    def __init__(self, x):\n        {CALL}\n        self.train = x.train\n", None),
    ],
)
def test_flag_of_the_object_is_taken(text: str, mode: str | None) -> None:
    base = "class Base:\n    def __init__(self, mode):\n        self.training: bool = mode == 'train'\n"
    expected = None if mode is None else f"bn(x, is_training={mode})"
    if "def inner():" in text:
        text = text.replace(f"        return {CALL}", f"            return {CALL}\n        return inner")
        expected = "bn(x, is_training=self.is_training)"

    assert mended(text, "SN201", CALL, NETS=base, **GRAPH) == expected


def test_constant_is_not_written_where_training_goes_through_the_call() -> None:
    text = """\
class Trainer:
    def forward(self, x, y):
        return self.loss(y, self.model(x, training=True))

    def step(self, x, y):
        with tf.GradientTape() as tape:
            loss = self.forward(x, y)
        return tape.gradient(loss, self.model.trainable_variables)
"""
    call = "self.model(x, training=True)"

    assert mended(text, "SN201", call, how="constant") is None
    told = text.replace("(self, x, y):\n        return", "(self, x, y, training):\n        return")
    assert mended(told, "SN201", call, how="constant") == "self.model(x, training=training)"
    alone = text.replace("self.forward(x, y)", "self.other(x, y)")
    assert mended(alone, "SN201", call, how="constant") == "self.model(x, training=False)"


def test_positional_option_is_not_taken_for_a_mode_that_is_left_out() -> None:
    evidence = {**GRAPH, "how": "default", "trained": False, "related": ["a.py:1", "a.py:1"]}

    assert (
        mended("y = bn(x, 0.9, True)\n", "SN201", "bn(x, 0.9, True)", **evidence)
        == "bn(x, 0.9, True, is_training=False)"
    )


def test_functional_call_outside_of_a_module_takes_the_mode_that_there_is() -> None:
    call = "F.batch_norm(x, m, v, training=True)"
    told = f"def norm(x, m, v, train):\n    return {call}\n"
    plain = f"class Net:\n    def norm(self, x, m, v):\n        return {call}\n"
    module = plain.replace("Net:", "Net(nn.Module):")

    assert mended(told, "SN201", call, how="constant") == "F.batch_norm(x, m, v, training=train)"
    assert mended(plain, "SN201", call, how="constant") is None
    assert mended(module, "SN201", call, how="constant") == "F.batch_norm(x, m, v, training=self.training)"


def test_placeholder_is_not_handed_to_a_layer_of_a_session_that_does_not_feed_it() -> None:
    fed = (HERE / "SN201" / "tf_flag_for_dropout_fed.py").read_text(encoding="utf-8")
    not_fed = fed.replace(", is_training: False", "").replace("tf.nn.in_top_k(logits", "tf.nn.in_top_k(other")
    other = "other = tf.layers.dense(tf.reduce_mean(x, [1, 2]), 200)\n"
    not_fed = not_fed.replace("x = tf.layers.dropout", f"{other}x = tf.layers.dropout")
    fixes = []
    for text in (fed, not_fed):
        report = checked([SourceFile("a.py", text)], SourceTask()).report
        assert report is not None
        fixes.append([each.fix is not None for each in report.findings if each.code == "SN201"])

    assert fixes == [[True], [False]]
