import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax


class Net(eqx.Module):
    conv: eqx.nn.Conv2d
    norm: eqx.nn.BatchNorm
    head: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.conv = eqx.nn.Conv2d(1, 16, 3, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(16, axis_name="batch")
        self.head = eqx.nn.Linear(16, 10, key=k2)

    def __call__(self, x, state):
        x = self.conv(x)
        x, state = self.norm(x, state)
        x = jax.nn.relu(x).mean(axis=(1, 2))
        return self.head(x), state


def loss_fn(model, state, x, y):
    batched = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    logits, _ = batched(x, state)  # expect: SN101
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


@eqx.filter_jit
def make_step(model, state, opt_state, x, y):
    loss, grads = eqx.filter_value_and_grad(loss_fn)(model, state, x, y)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state, loss


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
optim = optax.adam(1e-3)
opt_state = optim.init(eqx.filter(model, eqx.is_inexact_array))
images, labels = np.load("images.npy"), np.load("labels.npy")
rng = np.random.default_rng(0)
for step in range(5000):
    index = rng.integers(len(images), size=64)
    model, state, opt_state, loss = make_step(model, state, opt_state, images[index], labels[index])
