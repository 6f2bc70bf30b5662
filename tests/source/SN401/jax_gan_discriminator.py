import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from data import image_batches


class Generator(nn.Module):
    @nn.compact
    def __call__(self, z):
        x = nn.relu(nn.Dense(7 * 7 * 64)(z)).reshape(-1, 7, 7, 64)
        return nn.tanh(nn.ConvTranspose(1, (4, 4), strides=(4, 4))(x))


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(64, (4, 4), strides=(2, 2), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.leaky_relu(x, 0.2)
        return nn.Dense(1)(x.reshape(x.shape[0], -1))


generator, discriminator = Generator(), Discriminator()
g_params = generator.init(jax.random.PRNGKey(0), jnp.ones((1, 64)))["params"]
d_variables = discriminator.init(jax.random.PRNGKey(1), jnp.ones((1, 28, 28, 1)), train=False)
d_params, d_stats = d_variables["params"], d_variables["batch_stats"]
g_tx, d_tx = optax.adam(1e-4, b1=0.5), optax.adam(1e-4, b1=0.5)
g_opt, d_opt = g_tx.init(g_params), d_tx.init(d_params)


def bce(logits, target):
    return optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, target)).mean()


@jax.jit
def train_d(d_params, d_stats, d_opt, g_params, images, key):
    fakes = generator.apply({"params": g_params}, jax.random.normal(key, (len(images), 64)))

    def loss_fn(params):
        real, new = discriminator.apply(
            {"params": params, "batch_stats": d_stats}, images, train=True, mutable=["batch_stats"]
        )
        fake, new = discriminator.apply(  # expect: SN401
            {"params": params, **new}, fakes, train=True, mutable=["batch_stats"]
        )
        return bce(real, 1.0) + bce(fake, 0.0), new["batch_stats"]

    grads, d_stats = jax.grad(loss_fn, has_aux=True)(d_params)
    updates, d_opt = d_tx.update(grads, d_opt)
    return optax.apply_updates(d_params, updates), d_stats, d_opt


@jax.jit
def train_g(g_params, g_opt, d_params, d_stats, key):
    def loss_fn(params):
        fakes = generator.apply({"params": params}, jax.random.normal(key, (128, 64)))
        logits, _ = discriminator.apply(
            {"params": d_params, "batch_stats": d_stats}, fakes, train=True, mutable=["batch_stats"]
        )
        return bce(logits, 1.0)

    updates, g_opt = g_tx.update(jax.grad(loss_fn)(g_params), g_opt)
    return optax.apply_updates(g_params, updates), g_opt


key = jax.random.PRNGKey(2)
for images in image_batches(128):
    key, k1, k2 = jax.random.split(key, 3)
    d_params, d_stats, d_opt = train_d(d_params, d_stats, d_opt, g_params, images, k1)
    g_params, g_opt = train_g(g_params, g_opt, d_params, d_stats, k2)
