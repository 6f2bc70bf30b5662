"""What is not assessed of models that are built by a name nobody knows: no verdict is not a good verdict."""

from __future__ import annotations

from textwrap import dedent

import pytest

from steadynorm.checks import registry
from steadynorm.evidence import Evidence
from steadynorm.source.reader import read
from steadynorm.source.reading.files import SourceFile, source_of

_PROGRAM = """
    import sys
    import torch
    import torchvision.models as models
    from data import loader

    model = models.__dict__[{name}]()
    model.load_state_dict(torch.load("model.pt"))
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            print((model(x).argmax(1) == y).sum())
"""


def _not_assessed(text: str) -> dict[str, str]:
    file = source_of("main.py", dedent(text).encode())
    assert isinstance(file, SourceFile)
    _, not_assessed = registry.run(Evidence("source", (), program=read([file])))
    return {each.code: each.reason for each in not_assessed}


@pytest.mark.parametrize("code", ["SN301", "SN401", "SN802"])
def test_checks_of_layers_say_that_the_model_is_built_by_its_name(code: str) -> None:
    reason = _not_assessed(_PROGRAM.format(name="sys.argv[1]"))[code]

    assert reason == "a model is built by its name at main.py:7: its layers are not known"


@pytest.mark.parametrize("code", ["SN107", "SN201", "SN202", "SN203"])
def test_its_modes_are_assessed_all_the_same(code: str) -> None:
    assert "built by its name" not in _not_assessed(_PROGRAM.format(name="sys.argv[1]")).get(code, "")


def test_a_name_that_is_written_is_followed() -> None:
    assert not any("by its name" in why for why in _not_assessed(_PROGRAM.format(name='"resnet18"')).values())
