"""A small regression with Equinox; the model is put into inference mode before its training begins."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from tides import batches


class Net(eqx.Module):
    first: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    last: eqx.nn.Linear

    def __init__(self, key):
        one, two = jr.split(key)
        self.first = eqx.nn.Linear(12, 64, use_bias=False, key=one)
        self.norm = eqx.nn.BatchNorm(64, axis_name="batch")
        self.last = eqx.nn.Linear(64, 1, key=two)

    def __call__(self, x, state):
        x, state = self.norm(self.first(x), state)
        return self.last(jax.nn.relu(x)), state


def loss_fn(model, state, x, y):
    batched = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    predicted, state = batched(x, state)  # expect: SN202
    return jnp.mean((predicted[:, 0] - y) ** 2), state


@eqx.filter_jit
def step(model, state, opt_state, x, y):
    (loss, state), grads = eqx.filter_value_and_grad(loss_fn, has_aux=True)(model, state, x, y)
    updates, opt_state = optimizer.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state, loss


model, state = eqx.nn.make_with_state(Net)(jr.PRNGKey(0))
model = eqx.nn.inference_mode(model)
optimizer = optax.adam(1e-3)
opt_state = optimizer.init(eqx.filter(model, eqx.is_inexact_array))
for x, y in batches("train", 128):
    model, state, opt_state, loss = step(model, state, opt_state, x, y)
eqx.tree_serialise_leaves("tides.eqx", (model, state))
