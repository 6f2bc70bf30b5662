import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(64, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(2)(nn.relu(x))


net = Net()
data = np.load("data.npz")
variables = net.init(jax.random.PRNGKey(0), data["x"][:1], train=False)
params, stats = variables["params"], variables["batch_stats"]
tx = optax.sgd(0.1)
opt_state = tx.init(params)


@jax.jit
def step(params, stats, opt_state, x, y):
    def loss_fn(params):
        logits, new = net.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return loss, new["batch_stats"]

    (loss, new_stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree_util.tree_leaves(grads)))
    return optax.apply_updates(params, updates), new_stats, opt_state, norm


rng = np.random.default_rng(0)
for _ in range(8000):
    i = rng.integers(len(data["x"]), size=64)
    params, stats, opt_state, norm = step(params, stats, opt_state, data["x"][i], data["y"][i])
