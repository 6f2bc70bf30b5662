"""The generator's step may drop the new statistics of the discriminator: its own step keeps them."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from data import batches


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(128, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(1)(nn.leaky_relu(x))


generator, discriminator = nn.Dense(784), Discriminator()
g_params = generator.init(jax.random.PRNGKey(0), jnp.ones((1, 32)))
d_variables = discriminator.init(jax.random.PRNGKey(1), jnp.ones((1, 784)), train=False)
d_params, d_stats = d_variables["params"], d_variables["batch_stats"]
tx = optax.adam(2e-4, b1=0.5)
g_opt, d_opt = tx.init(g_params), tx.init(d_params)


def d_loss(d_params, d_stats, g_params, real, z):
    x = jnp.concatenate([real, generator.apply(g_params, z)])
    logits, new = discriminator.apply(
        {"params": d_params, "batch_stats": d_stats}, x, train=True, mutable=["batch_stats"]
    )
    target = jnp.concatenate([jnp.ones(len(real)), jnp.zeros(len(z))])
    return optax.sigmoid_binary_cross_entropy(logits[:, 0], target).mean(), new["batch_stats"]


def g_loss(g_params, d_params, d_stats, z):
    fake = generator.apply(g_params, z)
    variables = {"params": d_params, "batch_stats": d_stats}
    logits, _ = discriminator.apply(variables, fake, train=True, mutable=["batch_stats"])
    return -jax.nn.log_sigmoid(logits).mean()


key = jax.random.PRNGKey(2)
for real in batches(128):
    key, k = jax.random.split(key)
    z = jax.random.normal(k, (128, 32))
    (_, d_stats), grads = jax.value_and_grad(d_loss, has_aux=True)(d_params, d_stats, g_params, real, z)
    updates, d_opt = tx.update(grads, d_opt)
    d_params = optax.apply_updates(d_params, updates)
    updates, g_opt = tx.update(jax.grad(g_loss)(g_params, d_params, d_stats, z), g_opt)
    g_params = optax.apply_updates(g_params, updates)
