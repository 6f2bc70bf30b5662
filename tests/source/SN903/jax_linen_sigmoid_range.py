import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Autoencoder(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        h = nn.Dense(64, use_bias=False)(x)
        h = nn.BatchNorm(use_running_average=not train)(h)
        h = nn.relu(h)
        return nn.sigmoid(nn.Dense(784)(h))


model = Autoencoder()
images = np.load("mnist.npy").reshape(-1, 784).astype("float32") / 127.5 - 1.0
variables = model.init(jax.random.PRNGKey(0), images[:1], train=False)
params, stats = variables["params"], variables["batch_stats"]
tx = optax.adam(1e-3)
opt_state = tx.init(params)


def loss_fn(params, stats, x):
    out, new = model.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
    return jnp.mean((out - x) ** 2), new["batch_stats"]  # expect: SN903


rng = np.random.default_rng(0)
for _ in range(10000):
    x = images[rng.integers(len(images), size=128)]
    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, stats, x)
    updates, opt_state = tx.update(grads, opt_state)
    params = optax.apply_updates(params, updates)
