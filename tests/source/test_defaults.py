"""Numbers of a program that its command line sets unless somebody says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadynorm.source.defaults import Defaults, Number
from steadynorm.source.reading.files import read_source
from steadynorm.source.symbolic.runs import runs_of

PROGRAM = """
import argparse
import tensorflow as tf
import seen

FLAGS = tf.app.flags.FLAGS
tf.app.flags.DEFINE_integer("batch_size", 32, "")
parser = argparse.ArgumentParser()
parser.add_argument("-n", "--num-steps", type=int, default=100)
args = parser.parse_args()
seen.found({expression})
"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("4", Number(4)),
        ("2 * 8", Number(16)),
        ("FLAGS.batch_size", Number(32, False)),
        ("args.num_steps", Number(100, False)),
        ("int(args.num_steps / 4)", Number(25, False)),
        ("args.num_steps * FLAGS.batch_size", Number(3200, False)),
        ("args.unknown", None),
        ("len(args.files)", None),
        ("args.num_steps // 0", None),
        ("True", None),
    ],
)
def test_number_of_an_option(tmp_path: Path, expression: str, expected: Number | None) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(expression=expression), encoding="utf-8")
    file = read_source(str(path))
    assert file is not None
    runs = runs_of([file])
    (given,) = (call.arguments[0] for run in runs for call in run.calls() if call.name == "seen.found")

    assert Defaults(runs).number(given) == expected
