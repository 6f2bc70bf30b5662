"""The layer of steadynorm.keras against the reference, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

import importlib
import os
from dataclasses import replace

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from steadynorm.keras import BatchNormalization

# Keras 3.15 on TensorFlow 2.21 turns variables into arrays by a protocol that NumPy 2 calls old.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
BACKEND = keras.backend.backend()


def adapted(case):
    """Keras stores the biased variance and has neither cumulative averages nor layers without statistics."""
    if case.config.decay is None or not case.config.track_statistics:
        return None
    if case.dtype == "float64" and BACKEND != "tensorflow":
        return None  # JAX has it for a whole process only; on PyTorch keras.ops.mean goes through float32
    return replace(case, options={**case.options, "bessel_correction": False})


class KerasLayer:
    def __init__(self, case, axis):
        config, renorm = case.config, case.config.renorm
        clipping = {} if renorm is None else {n: getattr(renorm, n) for n in ("rmin", "rmax", "dmax")}
        self.axis, self.last = axis, axis == -1
        self.layer = BatchNormalization(
            axis,
            config.decay,
            config.epsilon,
            config.center,
            config.scale,
            renorm=renorm is not None,
            renorm_clipping={n: bound for n, bound in clipping.items() if bound is not None} or None,
            renorm_momentum=0.99 if renorm is None else renorm.decay,
            virtual_batch_size=config.virtual_batch_size,
            debias=config.debias == "full",
            dtype={"float16": "mixed_float16"}.get(case.dtype, case.dtype),
        )
        shape = list(case.shape)
        self.layer.build(tuple([*shape[:1], *shape[2:], shape[1]] if self.last else shape))

    def arrange(self, x):
        return np.moveaxis(x, 1, -1) if self.last else x

    def restore(self, x):
        x = keras.ops.convert_to_numpy(x)
        return np.moveaxis(x, -1, 1) if self.last else x

    def set(self, gamma, beta):
        for variable, value in ((self.layer.gamma, gamma), (self.layer.beta, beta)):
            if variable is not None:
                variable.assign(value)

    def train(self, x, dy, weights):
        y, dx, *gradients = GRADIENTS[BACKEND](self.layer, self.arrange(x), self.arrange(dy), weights)
        assert keras.backend.standardize_dtype(y.dtype) == str(x.dtype)
        of = {
            id(variable): keras.ops.convert_to_numpy(each)
            for variable, each in zip(self.layer.trainable_variables, gradients, strict=True)
        }
        return self.restore(y), self.restore(dx), of.get(id(self.layer.gamma)), of.get(id(self.layer.beta))

    def infer(self, x):
        return self.restore(self.layer(self.arrange(x), training=False))

    def statistics(self):
        return tuple(
            keras.ops.convert_to_numpy(each.value) for each in (self.layer.moving_mean, self.layer.moving_variance)
        )


def by_tensorflow(layer, x, dy, weights):
    tf = importlib.import_module("tensorflow")
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True, sample_weight=weights)
    return y, *tape.gradient(y, [x, *(each.value for each in layer.trainable_variables)], tf.constant(dy))


def by_torch(layer, x, dy, weights):
    torch = importlib.import_module("torch")
    x = torch.tensor(x, requires_grad=True)
    y = layer(x, training=True, sample_weight=None if weights is None else torch.tensor(weights))
    wanted = [x, *(each.value for each in layer.trainable_variables)]
    return y.detach(), *torch.autograd.grad(y, wanted, torch.tensor(dy))


def by_jax(layer, x, dy, weights):
    jax = importlib.import_module("jax")
    others = [each.value for each in layer.non_trainable_variables]

    def forward(x, trainable):
        return layer.stateless_call(trainable, others, x, training=True, sample_weight=weights)

    y, back, others = jax.vjp(forward, x, [each.value for each in layer.trainable_variables], has_aux=True)
    for variable, value in zip(layer.non_trainable_variables, others, strict=True):
        variable.assign(value)
    dx, gradients = back(dy)
    return y, dx, *gradients


GRADIENTS = {"tensorflow": by_tensorflow, "torch": by_torch, "jax": by_jax}


@pytest.mark.every_backend
def test_as_the_reference(case, conforms):
    conforms(case, KerasLayer(case, -1))


def test_channels_first_as_the_reference(case, conforms):
    conforms(case, KerasLayer(case, 1))


class WithBessel(KerasLayer):
    def statistics(self):
        mean, variance = super().statistics()
        return mean, 0.8 + (variance - 0.8) * (160 / 159)  # of 8·4·5 values per channel


@pytest.mark.every_backend
def test_the_comparison_sees_another_variance(plain_case, conforms):
    case = adapted(plain_case)
    with pytest.raises(AssertionError, match="variance after step 0"):
        conforms(case, WithBessel(case, -1))
