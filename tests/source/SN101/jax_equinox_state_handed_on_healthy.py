"""A layer with a state of its own stands behind the normalization."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
import torch
import torchvision


class Net(eqx.Module):
    layers: list
    bn: eqx.nn.BatchNorm
    spectral: eqx.nn.SpectralNorm

    def __init__(self, key):
        k1, k2, k3 = jr.split(key, 3)
        self.layers = [eqx.nn.Linear(2, 8, use_bias=False, key=k1), eqx.nn.Linear(8, 1, key=k2)]
        self.bn = eqx.nn.BatchNorm(8, axis_name="batch", mode="batch")
        self.spectral = eqx.nn.SpectralNorm(eqx.nn.Linear(8, 8, key=k3), "weight", key=k3)

    def __call__(self, x, state):
        x = self.layers[0](x)
        x, state = self.bn(x, state)
        x = jax.nn.relu(x)
        x, state = self.spectral(x, state)
        return self.layers[1](x), state


def compute_loss(params, static, state, xs, ys):
    model = eqx.combine(params, static)
    batch_model = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    pred, state = batch_model(xs, state)
    return jnp.mean((pred[:, 0] - ys) ** 2), state


@eqx.filter_jit
def make_step(params, static, state, opt_state, xs, ys):
    grads, state = jax.grad(compute_loss, has_aux=True)(params, static, state, xs, ys)
    updates, opt_state = optim.update(grads, opt_state)
    params = eqx.apply_updates(params, updates)
    return params, state, opt_state


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
params, static = eqx.partition(model, eqx.is_inexact_array)
optim = optax.adam(1e-3)
opt_state = optim.init(params)
loader = torch.utils.data.DataLoader(torchvision.datasets.FakeData(), batch_size=64, shuffle=True)
for epoch in range(10):
    for xs, ys in loader:
        params, state, opt_state = make_step(params, static, state, opt_state, xs.numpy(), ys.numpy())
model = eqx.combine(params, static)
inference = eqx.nn.inference_mode(model)
inference = eqx.Partial(inference, state=state)


@eqx.filter_jit
def evaluate(model, xs):
    return jax.vmap(model)(xs)


print(evaluate(inference, jnp.zeros((3, 2))))
