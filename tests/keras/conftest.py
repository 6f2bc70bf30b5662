"""What all tests of Keras get; the backend is the one that KERAS_BACKEND names when Python starts.

The same tests run on each backend.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Workers beside each other do not fight over the cores; TensorFlow reads this when it is first used.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    # Keras 3.15 on TensorFlow 2.21 turns variables into arrays by a protocol that NumPy 2 calls old.
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation doesn't accept:DeprecationWarning")
    # What another worker is just writing to the cache of the Makefile cannot be read, and is compiled again.
    config.addinivalue_line("filterwarnings", "ignore:Error reading persistent compilation cache entry:UserWarning")


@pytest.fixture(scope="session")
def lab(of_reports: Any) -> Any:
    """Networks, training and diagnoses; loaded when a test needs it, since handing out the tests needs no framework."""
    spec = importlib.util.spec_from_file_location("keras_lab", Path(__file__).with_name("lab.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where Keras looks for the classes of a model
    spec.loader.exec_module(module)
    return module.Lab(of_reports)
