"""What names say that data and functions are for."""

from __future__ import annotations

import pytest

from steadynorm.source.purpose import EVALUATION, TRAINING, meant


@pytest.mark.parametrize(
    "text",
    [
        "test_images",
        "x_test",
        "val_loader",
        "validation",
        "evaluate",
        "EvalInput",
        "Model.predict",
        "mnist.test",
        "dev",
    ],
)
def test_names_of_evaluation(text: str) -> None:
    assert meant(text) == EVALUATION


@pytest.mark.parametrize("text", ["train_images", "x_train", "training", "TrainReader", "trn_x", "mnist.train", "fit"])
def test_names_of_training(text: str) -> None:
    assert meant(text) == TRAINING


@pytest.mark.parametrize(
    "text",
    ["images", "constrained", "latest", "value", "attest", "devices", "train_and_test", "contest", "retrieval", ""],
)
def test_names_that_say_neither(text: str) -> None:
    assert meant(text) is None
