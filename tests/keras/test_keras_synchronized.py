"""Batches that are spread over devices, where the backend is not TensorFlow: refused, or one batch in any case."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from steadynorm.keras import BatchNormalization

BACKEND = keras.backend.backend()
INSTEAD = {"jax": "keras.distribution.DataParallel", "torch": "steadynorm.torch.SyncBatchNorm"}

SHARDED = """
import json
import jax, keras, numpy as np
from steadynorm.keras import BatchNormalization

OPTIONS = [
    {},
    {"renorm": True, "renorm_clipping": {"rmin": 0.9, "rmax": 1.1, "dmax": 0.5}},
    {"debias": True, "skip_nonfinite": True},
    {"virtual_batch_size": 2},
]

def trained():
    keras.utils.set_random_seed(0)
    inputs, weights = keras.Input((5, 3)), keras.Input(())
    layers = [BatchNormalization(momentum=0.5, **options) for options in OPTIONS for _ in range(2)]
    outputs = [layer(inputs) for layer in layers[::2]]
    outputs += [layer(inputs, sample_weight=weights) for layer in layers[1::2]]
    y = keras.layers.Dense(1)(keras.layers.Flatten()(keras.layers.Concatenate()(outputs)))
    model = keras.Model([inputs, weights], y)
    model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=True)
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, (24, 5, 3)).astype("float32")
    x[::2] += 4.0
    x[4::8] -= 9.0  # no part of a batch is like the whole
    model.fit([x, rng.uniform(0.2, 2.0, 24)], x.mean((1, 2)), batch_size=8, shuffle=False, verbose=0)
    devices = max(len(each.value.sharding.device_set) for each in model.variables)
    return devices, [np.asarray(each).tolist() for layer in layers for each in layer.get_weights()]

assert len(jax.devices()) == 2
alone = trained()
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=keras.distribution.list_devices()))
print(json.dumps([alone, trained()]))
"""
"""Trains on one device, and on two that get half of each batch."""


@pytest.mark.every_backend
def test_only_tensorflow_joins_replicas():
    if BACKEND == "tensorflow":
        assert BatchNormalization(synchronized=True).get_config()["synchronized"]
        return
    with pytest.raises(ValueError, match=f"synchronized=True on the {BACKEND} backend.*{INSTEAD[BACKEND]}"):
        BatchNormalization(synchronized=True)


@pytest.mark.slow  # another process, which compiles for one device and for two
def test_a_batch_that_jax_spreads_over_devices_is_one_batch():
    flags = "--xla_force_host_platform_device_count=2"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    (one_device, alone), (two_devices, spread) = json.loads(done.stdout)

    assert (one_device, two_devices) == (1, 2)
    for found, expected in zip(spread, alone, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
