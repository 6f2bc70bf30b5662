"""Repairs of Keras models and files: right statistics in a new file, and everything else as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import steadynorm
from steadynorm.keras.batches import numbers_of


def forget(model: keras.Model) -> keras.Model:
    """Puts the statistics back to what they were before the training."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
            layer.moving_variance.assign(np.ones(layer.moving_variance.shape))
    return model


def subject_of(lab: Any, model: keras.Model) -> steadynorm.Subject:
    return steadynorm.Subject(
        model, lab.train_data, lab.validation_data, loss=lab.loss, metric=lab.accuracy, name="digits"
    )


def values(model: keras.Model) -> list[bytes]:
    return [numbers_of(each.value).tobytes() for each in model.variables]


def tensors(path: Path) -> dict[str, Any]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_a_repair_writes_a_file_that_does_well(lab: Any, tmp_path: Path, ending: str) -> None:
    model = forget(lab.healthy())
    before = values(model)
    found = steadynorm.repair(subject_of(lab, model), tmp_path / f"new{ending}", progress=False)
    assert values(model) == before
    assert found.before.metric < 0.8
    assert found.after.metric > 0.95
    assert [each.name for each in tmp_path.iterdir()] == [f"new{ending}"]
    other = lab.network()
    other.load_weights(tmp_path / f"new{ending}")
    assert lab.evaluate(other, lab.validation_data) == pytest.approx(found.after.metric)


def test_a_name_that_keras_does_not_know_is_refused_before_the_work(lab: Any, tmp_path: Path) -> None:
    with pytest.raises(steadynorm.UnusableInputError, match=r"\.weights\.h5"):
        steadynorm.repair(subject_of(lab, lab.network()), tmp_path / "new.pt")
    assert not list(tmp_path.iterdir())


def test_a_model_that_cannot_be_saved_leaves_no_file_and_its_own_statistics(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = forget(lab.healthy())
    before = values(model)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(model), "save_weights", full)
    with pytest.raises(steadynorm.UnusableInputError, match="No space left"):
        steadynorm.repair(subject_of(lab, model), tmp_path / "new.weights.h5", progress=False)
    assert values(model) == before
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_repaired_in_its_own_format(lab: Any, tmp_path: Path) -> None:
    broken = forget(lab.healthy())
    broken.save_weights(tmp_path / "old.weights.h5")
    old = (tmp_path / "old.weights.h5").read_bytes()
    model = lab.network()  # untrained: the checkpoint has the weights
    before = values(model)
    mended = steadynorm.repair_checkpoint(
        tmp_path / "old.weights.h5", subject_of(lab, model), tmp_path / "new.weights.h5", progress=False
    )
    assert values(model) == before
    assert (tmp_path / "old.weights.h5").read_bytes() == old
    assert [each.layer for each in mended.layers] == list(lab.layers)
    first, second = tensors(tmp_path / "old.weights.h5"), tensors(tmp_path / "new.weights.h5")
    changed = {name for name in first if not np.array_equal(first[name], second[name])}
    assert first.keys() == second.keys()
    assert len(changed) == 6
    assert all(name.endswith(("vars/2", "vars/3")) and "batch_normalization" in name for name in changed)
    model.load_weights(tmp_path / "new.weights.h5")
    assert lab.evaluate(model, lab.validation_data) > 0.95


def test_a_checkpoint_of_another_model_is_refused(lab: Any, tmp_path: Path) -> None:
    lab.network(width=8).save_weights(tmp_path / "old.weights.h5")
    model = lab.network()
    before = values(model)
    with pytest.raises(steadynorm.UnusableInputError, match="not of the subject's model"):
        steadynorm.repair_checkpoint(
            tmp_path / "old.weights.h5", subject_of(lab, model), tmp_path / "new.weights.h5", progress=False
        )
    assert values(model) == before
    assert not (tmp_path / "new.weights.h5").exists()
