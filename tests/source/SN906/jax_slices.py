import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import optax

BATCH = 64


class Net(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    b: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.a = eqx.nn.Linear(20, 64, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(64, axis_name="batch")
        self.b = eqx.nn.Linear(64, 4, key=k2)

    def __call__(self, x, state):
        h, state = self.norm(self.a(x), state)
        return self.b(jax.nn.relu(h)), state


@eqx.filter_jit
def step(model, state, opt_state, x, y):
    def loss_fn(model, state):
        run = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
        logits, state = run(x, state)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), state

    grads, state = eqx.filter_grad(loss_fn, has_aux=True)(model, state)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
optim = optax.adam(1e-3)
opt_state = optim.init(eqx.filter(model, eqx.is_array))
x, y = np.load("x.npy"), np.load("y.npy")
for epoch in range(40):
    for start in range(0, len(x), BATCH):
        batch_x, batch_y = x[start : start + BATCH], y[start : start + BATCH]  # expect: SN906
        model, state, opt_state = step(model, state, opt_state, batch_x, batch_y)
