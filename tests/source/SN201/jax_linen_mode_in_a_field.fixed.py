import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from dataset import batches


class Block(nn.Module):
    width: int
    train: bool

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(self.width, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not self.train)(x)
        x = nn.relu(x)
        return nn.Dropout(0.1, deterministic=not self.train)(x)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        for width in (64, 64):
            x = Block(width, train)(x)
        return nn.Dense(1)(x)


net = Net()
tx = optax.adam(1e-3)


def loss_fn(params, stats, x, y, key):
    out, new = net.apply(
        {"params": params, "batch_stats": stats}, x, True, mutable=["batch_stats"], rngs={"dropout": key}
    )
    return jnp.mean((out[:, 0] - y) ** 2), new["batch_stats"]


def train(key, epochs):
    variables = net.init(key, jnp.ones((2, 16)), False)
    params, stats = variables["params"], variables["batch_stats"]
    opt_state = tx.init(params)
    for _ in range(epochs):
        for x, y in batches("train", 64):
            key, sub = jax.random.split(key)
            (_, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, stats, x, y, sub)
            updates, opt_state = tx.update(grads, opt_state)
            params = optax.apply_updates(params, updates)
    return params, stats


params, stats = train(jax.random.PRNGKey(3), 40)
for x, y in batches("test", 64):
    out, _ = net.apply({"params": params, "batch_stats": stats}, x, False, mutable=["batch_stats"])
    print(jnp.mean((out[:, 0] - y) ** 2))
