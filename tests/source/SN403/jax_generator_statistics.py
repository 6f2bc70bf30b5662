import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from data import image_batches

CRITIC_STEPS = 5


class Generator(nn.Module):
    @nn.compact
    def __call__(self, z, train):
        x = nn.Dense(256, use_bias=False)(z)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.tanh(nn.Dense(784)(nn.relu(x)))


class Critic(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(nn.leaky_relu(nn.Dense(256)(x)))


generator, critic = Generator(), Critic()
g = generator.init(jax.random.PRNGKey(0), jnp.ones((2, 64)), train=False)
g_params, g_stats = g["params"], g["batch_stats"]
c_params = critic.init(jax.random.PRNGKey(1), jnp.ones((1, 784)))
g_tx, c_tx = optax.adam(1e-4), optax.adam(1e-4)
g_opt, c_opt = g_tx.init(g_params), c_tx.init(c_params)


def generate(params, stats, key):
    z = jax.random.normal(key, (64, 64))
    return generator.apply({"params": params, "batch_stats": stats}, z, train=True, mutable=["batch_stats"])


@jax.jit
def critic_step(c_params, c_opt, g_params, g_stats, images, key):
    fakes, new = generate(g_params, g_stats, key)  # expect: SN403
    grads = jax.grad(lambda p: critic.apply(p, fakes).mean() - critic.apply(p, images).mean())(c_params)
    updates, c_opt = c_tx.update(grads, c_opt)
    return optax.apply_updates(c_params, updates), c_opt, new["batch_stats"]


@jax.jit
def generator_step(g_params, g_stats, g_opt, c_params, key):
    def loss_fn(params):
        fakes, new = generate(params, g_stats, key)
        return -critic.apply(c_params, fakes).mean(), new["batch_stats"]

    grads, g_stats = jax.grad(loss_fn, has_aux=True)(g_params)
    updates, g_opt = g_tx.update(grads, g_opt)
    return optax.apply_updates(g_params, updates), g_stats, g_opt


key = jax.random.PRNGKey(2)
batches = image_batches(64)
for step in range(50000):
    for _ in range(CRITIC_STEPS):
        key, sub = jax.random.split(key)
        c_params, c_opt, g_stats = critic_step(c_params, c_opt, g_params, g_stats, next(batches), sub)
    key, sub = jax.random.split(key)
    g_params, g_stats, g_opt = generator_step(g_params, g_stats, g_opt, c_params, sub)
