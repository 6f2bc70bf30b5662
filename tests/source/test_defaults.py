"""Numbers of a program that its command line sets unless somebody says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadynorm.source.defaults import Defaults, Number, length_of_range
from steadynorm.source.reading.files import read_source
from steadynorm.source.symbolic.runs import runs_of
from steadynorm.source.symbolic.values import Product, Value

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
        ("1e400", None),
        ("args.num_steps * 1e300", None),
        ("1" + 400 * "0", None),
    ],
)
def test_number_of_an_option(tmp_path: Path, expression: str, expected: Number | None) -> None:
    defaults, given = _found(tmp_path, expression)

    assert defaults.number(given) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("range(700)", Number(700)),
        ("range(200, 700)", Number(500)),
        ("range(0, args.num_steps, 10)", Number(10, False)),
        ("range(args.num_steps, 2)", Number(0, False)),
        ("range(0, 100, 0)", None),
        ("range(args.unknown)", None),
        ("range(args.num_steps, 2, 3, 4)", None),
        ("range()", None),
    ],
)
def test_length_of_a_range(tmp_path: Path, expression: str, expected: Number | None) -> None:
    defaults, given = _found(tmp_path, expression)

    assert isinstance(given, Product)
    assert length_of_range(given.call, defaults) == expected


def _found(tmp_path: Path, expression: str) -> tuple[Defaults, Value]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(expression=expression), encoding="utf-8")
    file = read_source(str(path))
    assert file is not None
    runs = runs_of([file])
    (given,) = (call.arguments[0] for run in runs for call in run.calls() if call.name == "seen.found")
    return Defaults(runs), given
