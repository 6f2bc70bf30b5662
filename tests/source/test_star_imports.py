"""Names that star imports bring: the module that is known to have a name gives it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from steadynorm.source.symbolic.trace import Call

Calls = Callable[..., list[Call]]


@pytest.mark.parametrize(
    "imports",
    [
        "from keras.layers import *",
        "from keras.layers import *\nfrom keras.models import *\nfrom keras.optimizers import *",
        "from math import *\nfrom keras.layers import *",
        "from keras.layers import *\nfrom utils import *",
        "from tensorflow.keras.layers import *\nfrom first import *\nfrom second import *",
    ],
)
def test_a_name_is_the_frameworks_whose_module_has_it(calls: Calls, imports: str) -> None:
    assert len(calls("keras.layers.BatchNormalization", f"{imports}\nBatchNormalization()\n")) == 1


def test_the_later_of_two_modules_with_a_name_gives_it(calls: Calls) -> None:
    text = "from torch.optim import *\nfrom keras.optimizers import *\nAdam()\n"

    assert len(calls("keras.optimizers.Adam", text)) == 1
    assert not calls("torch.optim.Adam", text)


def test_a_name_of_no_framework_is_from_the_module_that_may_have_it(calls: Calls) -> None:
    text = "from keras.layers import *\nfrom keras.models import *\nfrom helpers import *\nload_images()\n"

    assert len(calls("helpers.load_images", text)) == 1


def test_a_name_that_several_modules_may_have_is_from_none(calls: Calls) -> None:
    text = "from helpers import *\nfrom tools import *\nload_images()\n"

    assert not calls("helpers.load_images", text)
    assert not calls("tools.load_images", text)


def test_builtins_are_not_from_modules_that_may_have_them(calls: Calls) -> None:
    assert len(calls("builtins.print", "from helpers import *\nfrom keras.layers import *\nprint()\n")) == 1


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("from keras.layers import *\nfrom own import *", 0),
        ("from own import *\nfrom keras.layers import *", 1),
    ],
)
def test_the_later_of_a_framework_and_an_own_module_gives_a_name(calls: Calls, imports: str, expected: int) -> None:
    own = "def Dropout(rate):\n    return rate\n"

    assert len(calls("keras.layers.Dropout", f"{imports}\nDropout(0.1)\n", own=own)) == expected


def test_modules_that_import_each_other_by_stars_end(calls: Calls) -> None:
    text = "from one import *\nBatchNormalization()\nnowhere()\n"
    one, two = "from two import *\n", "from one import *\nfrom keras.layers import *\n"

    assert len(calls("keras.layers.BatchNormalization", text, one=one, two=two)) == 1


def test_a_name_is_searched_for_once_in_modules_that_are_reached_in_many_ways(calls: Calls) -> None:
    """Packages that gather their names by stars: forty floors of two modules each are reached in 2**40 ways."""
    floors = 40
    others = {
        f"{side}{floor}": f"from a{floor + 1} import *\nfrom b{floor + 1} import *\n"
        for floor in range(floors)
        for side in "ab"
    }
    others |= {f"a{floors}": "from keras.layers import *\n", f"b{floors}": "x = 1\n"}

    text = "from a0 import *\nBatchNormalization()\nprint(nowhere)\n"
    assert len(calls("keras.layers.BatchNormalization", text, **others)) == 1
