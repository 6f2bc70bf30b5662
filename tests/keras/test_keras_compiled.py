"""Without any option the layer costs nothing under jit: the program that XLA makes of it is that of Keras' own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAMS = """
import re
import jax, keras, numpy as np
from steadynorm.keras import BatchNormalization

def program(layer):
    x = np.zeros((64, 14, 14, 256), "float32")
    layer.build(x.shape)
    groups = (layer.trainable_variables, layer.non_trainable_variables)

    def step(x, dy, trainable, others):
        def forward(x, trainable):
            return layer.stateless_call(trainable, others, x, training=True)
        _, back, others = jax.vjp(forward, x, trainable, has_aux=True)
        return back(dy), others

    text = jax.jit(step).lower(x, x, *([each.value for each in group] for group in groups)).compile().as_text()
    text = re.sub(r"(?s)(FileNames|FunctionNames|FileLocations|StackFrames).*?\\n\\n", "", text)
    return re.sub(r", metadata=\\{[^}]*\\}", "", text)  # names and lines of the Python code

own = program(keras.layers.BatchNormalization())
print(program(BatchNormalization()) == own, program(BatchNormalization(debias=True)) == own, "fusion" in own)
"""


@pytest.mark.slow  # another process, which compiles three programs
def test_plain_is_the_program_of_keras_and_an_option_is_not():
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False", "True"]
