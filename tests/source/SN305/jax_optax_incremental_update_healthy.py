import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(256, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(10)(nn.relu(x))


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((2, 784)), train=False)
params, stats = variables["params"], variables["batch_stats"]
ema_params, ema_stats = params, stats
tx = optax.adam(1e-3)
opt_state = tx.init(params)


@jax.jit
def step(params, stats, opt_state, x, y):
    def loss_fn(params):
        logits, new = net.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    grads, new_stats = jax.grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), new_stats, opt_state


data = np.load("mnist.npz")
rng = np.random.default_rng(0)
for i in range(50000):
    index = rng.integers(60000, size=128)
    params, stats, opt_state = step(params, stats, opt_state, data["x"][index], data["y"][index])
    ema_params = optax.incremental_update(params, ema_params, 0.001)
    ema_stats = optax.incremental_update(stats, ema_stats, 0.001)
logits = net.apply({"params": ema_params, "batch_stats": ema_stats}, data["x_test"], train=False)
print((logits.argmax(-1) == data["y_test"]).mean())
