"""The statistics are estimated again at the end: training mode, and no evaluation."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from data import batches


class Net(nn.Module):
    train: bool = True

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(8, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not self.train, momentum=0.9)(x)
        return nn.Dense(2)(nn.relu(x))


def restimate(params, stats, data):
    for x, _ in data:
        _, new = Net(train=True).apply({"params": params, "batch_stats": stats}, x, mutable=["batch_stats"])
        stats = new["batch_stats"]
    return stats


def accuracy(params, stats, data):
    hits = []
    for x, y in data:
        logits = Net(train=False).apply({"params": params, "batch_stats": stats}, x)
        hits.append((logits.argmax(-1) == y).mean())
    return sum(hits) / len(hits)


v = Net().init(jax.random.PRNGKey(0), jnp.ones((1, 4)))
params, stats = v["params"], v["batch_stats"]
tx = optax.sgd(0.1)
o = tx.init(params)


@jax.jit
def step(params, stats, o, x, y):
    def loss(p):
        out, new = Net(train=True).apply({"params": p, "batch_stats": stats}, x, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean(), new["batch_stats"]

    (l, stats), g = jax.value_and_grad(loss, has_aux=True)(params)
    u, o = tx.update(g, o)
    return optax.apply_updates(params, u), stats, o, l


for epoch in range(3):
    for x, y in batches("train"):
        params, stats, o, l = step(params, stats, o, x, y)
    print(accuracy(params, stats, batches("test")))
stats = restimate(params, stats, batches("train"))
print(accuracy(params, stats, batches("test")))
