import jax
import jax.numpy as jnp
import optax
from flax import nnx

from data import points


class Generator(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(16, 128, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(128, rngs=rngs)
        self.b = nnx.Linear(128, 2, rngs=rngs)

    def __call__(self, z, use_running_average=None):
        h = self.norm(self.a(z), use_running_average=use_running_average)
        return self.b(nnx.relu(h))


class Critic(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(2, 128, rngs=rngs)
        self.b = nnx.Linear(128, 1, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.a(x)))


@nnx.jit
def critic_step(critic, generator, optimizer, real, key):
    fake = generator(jax.random.normal(key, (len(real), 16)), use_running_average=True)
    optimizer.update(nnx.grad(lambda c: c(fake).mean() - c(real).mean())(critic))


@nnx.jit
def generator_step(critic, generator, optimizer, key):
    def loss_fn(generator):
        return -critic(generator(jax.random.normal(key, (256, 16)))).mean()

    optimizer.update(nnx.grad(loss_fn)(generator))


generator, critic = Generator(nnx.Rngs(0)), Critic(nnx.Rngs(1))
g_opt, c_opt = nnx.Optimizer(generator, optax.rmsprop(5e-5)), nnx.Optimizer(critic, optax.rmsprop(5e-5))
key = jax.random.key(0)
for step in range(20000):
    for _ in range(5):
        key, sub = jax.random.split(key)
        critic_step(critic, generator, c_opt, points(256), sub)
    key, sub = jax.random.split(key)
    generator_step(critic, generator, g_opt, sub)
