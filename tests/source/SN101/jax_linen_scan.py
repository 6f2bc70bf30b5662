"""An epoch is one lax.scan, which does not carry the statistics."""

import flax.linen as nn
import jax
import optax
from data import load


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(8, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(2)(nn.relu(x))


net = Net()
x, y = load()
v = net.init(jax.random.PRNGKey(0), x[:2], train=True)
params, stats = v["params"], v["batch_stats"]
tx = optax.adam(1e-3)
o = tx.init(params)


def body(carry, batch):
    params, o = carry

    def loss(p):
        out, _ = net.apply({"params": p, "batch_stats": stats}, batch[0], train=True, mutable=["batch_stats"])  # expect: SN101
        return optax.softmax_cross_entropy_with_integer_labels(out, batch[1]).mean()

    l, g = jax.value_and_grad(loss)(params)
    u, o = tx.update(g, o)
    return (optax.apply_updates(params, u), o), l


for epoch in range(10):
    (params, o), ls = jax.lax.scan(body, (params, o), (x, y))
print(net.apply({"params": params, "batch_stats": stats}, x, train=False).argmax(-1))
