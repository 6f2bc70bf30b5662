"""The policy has no normalization and is saved alone
the critic is only needed for training."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from data import batches
from flax.training import checkpoints


class P(nn.Module):
    @nn.compact
    def __call__(self, s):
        return nn.Dense(2)(nn.relu(nn.Dense(8)(s)))


class C(nn.Module):
    @nn.compact
    def __call__(self, s, train):
        x = nn.Dense(8, use_bias=False)(s)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(1)(nn.relu(x))


p, c = P(), C()
pp = p.init(jax.random.PRNGKey(0), jnp.ones((1, 3)))["params"]
cv = c.init(jax.random.PRNGKey(0), jnp.ones((1, 3)), train=False)
cp, cs = cv["params"], cv["batch_stats"]
tx = optax.adam(1e-3)
o1, o2 = tx.init(pp), tx.init(cp)


def c_loss(s, params, stats, y):
    q, new = c.apply({"params": params, "batch_stats": stats}, s, train=True, mutable=["batch_stats"])
    return ((q - y) ** 2).mean(), new["batch_stats"]


for s, y in batches(64):
    (l, cs), g = jax.value_and_grad(c_loss, argnums=1, has_aux=True)(s, cp, cs, y)
    u, o2 = tx.update(g, o2)
    cp = optax.apply_updates(cp, u)
    g = jax.grad(lambda q: p.apply({"params": q}, s).mean())(pp)
    u, o1 = tx.update(g, o1)
    pp = optax.apply_updates(pp, u)
checkpoints.save_checkpoint("pol", {"params": pp}, 1)
sal = jax.grad(lambda s: c.apply({"params": cp, "batch_stats": cs}, s, train=False).sum())(jnp.ones((1, 3)))
print(sal)
