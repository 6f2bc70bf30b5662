"""The plugin of pytest, which brings the fixture `assert_steady` along wherever steadynorm is installed.

def test_inference_does_as_well_as_training(assert_steady):
    assert_steady(model, train_batches, validation_batches, loss=loss)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from steadynorm.report.model import Report


@pytest.fixture(scope="session")
def assert_steady() -> Callable[..., Report]:
    """Fails with a report where something is wrong with a model's normalization: `steadynorm.testing.assert_steady`."""
    # Later than at the top: the plugin is imported in every run of pytest, most of which need none of it.
    from steadynorm.testing import assert_steady

    return assert_steady
