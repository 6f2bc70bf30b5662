from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import jax_utils


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(256, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, axis_name="devices")(x)
        return nn.Dense(1)(nn.relu(x))


net = Net()
tx = optax.adam(1e-3)
devices = jax.local_device_count()


@partial(jax.pmap, axis_name="devices")
def step(params, stats, opt_state, x, y):
    def loss_fn(params):
        out, new = net.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
        return jnp.mean((out[:, 0] - y) ** 2), new["batch_stats"]

    grads, stats = jax.grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(jax.lax.pmean(grads, "devices"), opt_state)
    return optax.apply_updates(params, updates), stats, opt_state


data = np.load("data.npz")
variables = net.init(jax.random.PRNGKey(0), data["x"][:1], train=False)
params, stats = variables["params"], variables["batch_stats"]
params, stats, opt_state = jax_utils.replicate((params, stats, tx.init(params)))
rng = np.random.default_rng(0)
for _ in range(10000):
    index = rng.integers(len(data["x"]), size=(devices, 4))
    params, stats, opt_state = step(params, stats, opt_state, data["x"][index], data["y"][index])
