"""Exports of Keras, whose graphs are functions within functions, read without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
import tensorflow as tf

from steadynorm.artifacts import formats
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.checks.registry import run
from steadynorm.evidence import Mode


def model() -> keras.Model:
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, use_bias=False), keras.layers.BatchNormalization(momentum=0.9)]
    )


@pytest.mark.parametrize("training", [True, False])
def test_a_signature_in_each_mode(tmp_path: Path, training: bool) -> None:
    module = tf.Module()
    module.model = model()
    specification = [tf.TensorSpec([None, 4])]
    module.serve = tf.function(lambda x: module.model(x, training=training), input_signature=specification)
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})

    contents = formats.read(tmp_path)
    findings, _ = run(evidence_of(contents))

    assert [each.mode for each in contents.graph.uses] == [Mode.BATCH if training else Mode.POPULATION]
    assert {each.code for each in findings} == ({"SN209"} if training else set())


def test_the_export_of_a_model(tmp_path: Path) -> None:
    model().export(str(tmp_path), verbose=False)

    contents = formats.read(tmp_path)
    (layer,) = contents.graph.layers
    evidence = evidence_of(contents)

    assert (layer.epsilon, layer.channels) == (pytest.approx(1e-3), 3)
    assert evidence.layer(layer.name).statistics is not None
    assert not run(evidence)[0]
