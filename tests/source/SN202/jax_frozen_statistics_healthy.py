"""Fine-tuning with the statistics of the pretrained network, as one does with small batches."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from data import batches
from flax.training import checkpoints


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(8, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(2)(nn.relu(x).mean((1, 2)))


net = Net()
v = net.init(jax.random.PRNGKey(0), jnp.ones((1, 32, 32, 3)))
v = checkpoints.restore_checkpoint("pre", v)
tx = optax.adam(1e-4)
params, stats = v["params"], v["batch_stats"]
o = tx.init(params)


@jax.jit
def step(params, o, x, y):
    def loss(p):
        return optax.softmax_cross_entropy_with_integer_labels(
            net.apply({"params": p, "batch_stats": stats}, x), y
        ).mean()

    g = jax.grad(loss)(params)
    u, o = tx.update(g, o)
    return optax.apply_updates(params, u), o


for x, y in batches(32):
    params, o = step(params, o, x, y)
checkpoints.save_checkpoint("out", {"params": params, "batch_stats": stats}, 1)
