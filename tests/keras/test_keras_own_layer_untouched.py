"""The layer of this package in a model under diagnosis, whose train step moves what Keras' own layers do not have."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import steadynorm
from steadynorm.keras import BatchNormalization
from steadynorm.keras.batches import numbers_of


@pytest.mark.every_backend
def test_train_steps_of_a_diagnosis_leave_all_averages_as_they_were(lab: Any) -> None:
    keras.utils.set_random_seed(0)
    norm = BatchNormalization(momentum=0.5, renorm=True, debias=True)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), norm, keras.layers.Dense(10)])
    lab.train(model, lab.train_data[:4], epochs=1)
    before = {each.path: numbers_of(each.value).copy() for each in model.variables}

    steadynorm.diagnose(model, lab.train_data, loss=lab.loss, batches=4, progress=False)

    for each in model.variables:
        np.testing.assert_array_equal(numbers_of(each.value), before[each.path], err_msg=each.path)
    lab.train(model, lab.train_data[4:6], epochs=1)
    assert not np.array_equal(numbers_of(norm.renorm_mean.value), before[norm.renorm_mean.path])
