import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax


class Net(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    b: eqx.nn.Linear

    def __init__(self, key):
        ka, kb = jr.split(key)
        self.a = eqx.nn.Linear(6, 50, use_bias=False, key=ka)
        self.norm = eqx.nn.BatchNorm(50, axis_name="batch")
        self.b = eqx.nn.Linear(50, 4, key=kb)

    def __call__(self, x, state):
        h, state = self.norm(self.a(x), state)
        return self.b(jax.nn.relu(h)), state


def apply(model, state, x):
    return jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)


@eqx.filter_jit
def step(model, state, opt_state, x, y):
    def loss_fn(model):
        logits, new_state = apply(model, state, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new_state

    grads, state = eqx.filter_grad(loss_fn, has_aux=True)(model)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state


def evaluate(model, state, x, y):
    _, state = eqx.nn.make_with_state(Net)(jr.key(0))  # expect: SN206
    logits, _ = apply(eqx.nn.inference_mode(model), state, x)
    return jnp.mean(logits.argmax(1) == y)


optim = optax.adam(3e-3)
model, state = eqx.nn.make_with_state(Net)(jr.key(0))
opt_state = optim.init(eqx.filter(model, eqx.is_array))
d = np.load("cars.npz")
rng = np.random.default_rng(0)
for _ in range(5000):
    i = rng.integers(len(d["x"]), size=64)
    model, state, opt_state = step(model, state, opt_state, d["x"][i], d["y"][i])
print(evaluate(model, state, d["x_test"], d["y_test"]))
