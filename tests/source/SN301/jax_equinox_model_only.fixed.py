import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import optax


class Net(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    b: eqx.nn.Linear

    def __init__(self, key):
        ka, kb = jr.split(key)
        self.a = eqx.nn.Linear(10, 40, use_bias=False, key=ka)
        self.norm = eqx.nn.BatchNorm(40, axis_name="batch")
        self.b = eqx.nn.Linear(40, 1, key=kb)

    def __call__(self, x, state):
        h, state = self.norm(self.a(x), state)
        return self.b(jax.nn.relu(h)), state


@eqx.filter_jit
def step(model, state, opt_state, x, y):
    def loss_fn(model, state):
        out, state = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)
        return ((out[:, 0] - y) ** 2).mean(), state

    (loss, state), grads = eqx.filter_value_and_grad(loss_fn, has_aux=True)(model, state)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state, loss


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
optim = optax.adam(1e-3)
opt_state = optim.init(eqx.filter(model, eqx.is_array))
data = np.load("solar.npz")
rng = np.random.default_rng(0)
for _ in range(20000):
    index = rng.integers(len(data["x"]), size=256)
    model, state, opt_state, loss = step(model, state, opt_state, data["x"][index], data["y"][index])
eqx.tree_serialise_leaves("solar.eqx", (model, state))
