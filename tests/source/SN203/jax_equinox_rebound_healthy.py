import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax


class MLP(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    b: eqx.nn.Linear

    def __init__(self, *, key):
        ka, kb = jr.split(key)
        self.a = eqx.nn.Linear(30, 64, use_bias=False, key=ka)
        self.norm = eqx.nn.BatchNorm(64, axis_name="batch")
        self.b = eqx.nn.Linear(64, 2, key=kb)

    def __call__(self, x, state):
        h, state = self.norm(self.a(x), state)
        return self.b(jax.nn.relu(h)), state


def apply(model, state, x):
    return jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)


@eqx.filter_jit
def step(model, state, opt_state, x, y):
    def loss_fn(model, state):
        logits, state = apply(model, state, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), state

    grads, state = eqx.filter_grad(loss_fn, has_aux=True)(model, state)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state


model, state = eqx.nn.make_with_state(MLP)(key=jr.key(0))
optim = optax.adam(1e-3)
opt_state = optim.init(eqx.filter(model, eqx.is_inexact_array))
d = np.load("cancer.npz")
rng = np.random.default_rng(0)
for epoch in range(100):
    for index in np.array_split(rng.permutation(400), 8):
        model, state, opt_state = step(model, state, opt_state, d["x"][index], d["y"][index])
    inference = eqx.nn.inference_mode(model)
    logits, _ = apply(inference, state, d["x_valid"])
    print(epoch, jnp.mean(logits.argmax(1) == d["y_valid"]))
