import jax
import jax.numpy as jnp
import optax
from flax import nnx

from data import image_batches


class Generator(nnx.Module):
    def __init__(self, rngs):
        self.fc = nnx.Linear(32, 784, rngs=rngs)

    def __call__(self, z):
        return nnx.tanh(self.fc(z))


class Critic(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(784, 128, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(128, rngs=rngs)
        self.b = nnx.Linear(128, 1, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.leaky_relu(self.norm(self.a(x))))


@nnx.jit
def critic_step(critic, generator, optimizer, images, key):
    fakes = generator(jax.random.normal(key, (images.shape[0], 32)))

    def loss_fn(critic):
        real = critic(images)
        fake = critic(fakes)  # expect: SN401
        return jnp.mean(nnx.softplus(-real)) + jnp.mean(nnx.softplus(fake))

    optimizer.update(nnx.grad(loss_fn)(critic))


@nnx.jit
def generator_step(critic, generator, optimizer, key):
    graphdef, state = nnx.split(critic)

    def loss_fn(generator):
        frozen = nnx.merge(graphdef, state)
        return jnp.mean(nnx.softplus(-frozen(generator(jax.random.normal(key, (64, 32))))))

    optimizer.update(nnx.grad(loss_fn)(generator))


generator, critic = Generator(nnx.Rngs(0)), Critic(nnx.Rngs(1))
g_opt, c_opt = nnx.Optimizer(generator, optax.adam(1e-4)), nnx.Optimizer(critic, optax.adam(1e-4))
key = jax.random.key(0)
for images in image_batches(64):
    key, a, b = jax.random.split(key, 3)
    critic_step(critic, generator, c_opt, images, a)
    generator_step(critic, generator, g_opt, b)
