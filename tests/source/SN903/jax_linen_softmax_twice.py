import jax, optax
import jax.numpy as jnp
from flax import linen as nn


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(64, use_bias=False)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        return nn.softmax(nn.Dense(2)(x))


def fit(net, data):
    v = net.init(jax.random.key(0), jnp.ones((1, 4)), False)
    params, stats = v["params"], v["batch_stats"]
    tx = optax.adam(1e-3)
    s = tx.init(params)

    def loss(p, st, x, y):
        o, m = net.apply({"params": p, "batch_stats": st}, x, True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(o, y).mean(), m["batch_stats"]  # expect: SN903

    for x, y in data:
        (_, stats), g = jax.value_and_grad(loss, has_aux=True)(params, stats, x, y)
        u, s = tx.update(g, s)
        params = optax.apply_updates(params, u)
    return params, stats


fit(Net(), __import__("data").batches)
