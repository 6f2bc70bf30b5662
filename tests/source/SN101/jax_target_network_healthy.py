"""The target network begins with the values of its original, and its own statistics are averaged."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from data import two_views


class Enc(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool = True):
        x = nn.Conv(8, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(16)(nn.relu(x).mean((1, 2)))


enc = Enc()
v = enc.init(jax.random.PRNGKey(0), jnp.ones((2, 32, 32, 3)))
params, stats = v["params"], v["batch_stats"]
tp, ts = params, stats
tx = optax.adam(1e-3)
o = tx.init(params)


@jax.jit
def step(params, stats, tp, ts, o, a, b):
    def loss(p):
        za, new = enc.apply({"params": p, "batch_stats": stats}, a, mutable=["batch_stats"])
        zb, new = enc.apply({"params": p, **new}, b, mutable=["batch_stats"])
        ta, _ = enc.apply({"params": tp, "batch_stats": ts}, a, mutable=["batch_stats"])
        ta = jax.lax.stop_gradient(ta)
        return ((zb - ta) ** 2).mean() + ((za - zb) ** 2).mean(), new["batch_stats"]

    (l, stats), g = jax.value_and_grad(loss, has_aux=True)(params)
    u, o = tx.update(g, o)
    params = optax.apply_updates(params, u)
    tp = optax.incremental_update(params, tp, 0.01)
    ts = optax.incremental_update(stats, ts, 0.01)
    return params, stats, tp, ts, o


for a, b in two_views(256):
    params, stats, tp, ts, o = step(params, stats, tp, ts, o, a, b)
print(enc.apply({"params": tp, "batch_stats": ts}, next(two_views(8))[0], train=False))
