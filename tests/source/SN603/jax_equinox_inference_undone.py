import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import optax


class Net(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    drop: eqx.nn.Dropout
    b: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.a = eqx.nn.Linear(10, 50, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(50, axis_name="batch")
        self.drop = eqx.nn.Dropout(0.2)
        self.b = eqx.nn.Linear(50, 3, key=k2)

    def __call__(self, x, state, key):
        h, state = self.norm(self.a(x), state)
        return self.b(self.drop(jax.nn.relu(h), key=key)), state


@eqx.filter_jit
def step(model, state, opt_state, x, y, key):
    def loss_fn(model, state):
        run = jax.vmap(model, axis_name="batch", in_axes=(0, None, 0), out_axes=(0, None))
        logits, state = run(x, state, jr.split(key, len(x)))
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), state

    grads, state = eqx.filter_grad(loss_fn, has_aux=True)(model, state)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state


optim = optax.adam(1e-4)
model, state = eqx.tree_deserialise_leaves("pretrained.eqx", eqx.nn.make_with_state(Net)(jr.key(0)))
model = eqx.tree_at(lambda m: m.norm.inference, model, True)  # expect: SN603
model = eqx.nn.inference_mode(model, value=False)
opt_state = optim.init(eqx.filter(model, eqx.is_inexact_array))
data = np.load("plants.npz")
rng, key = np.random.default_rng(0), jr.key(1)
for _ in range(4000):
    i = rng.integers(len(data["x"]), size=64)
    key, sub = jr.split(key)
    model, state, opt_state = step(model, state, opt_state, data["x"][i], data["y"][i], sub)
