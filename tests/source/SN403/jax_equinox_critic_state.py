import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from data import curves


class Generator(eqx.Module):
    first: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    last: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.first = eqx.nn.Linear(8, 64, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(64, axis_name="batch", mode="batch")
        self.last = eqx.nn.Linear(64, 100, key=k2)

    def __call__(self, z, state):
        h, state = self.norm(self.first(z), state)
        return self.last(jax.nn.relu(h)), state


def fakes_of(generator, state, key):
    z = jr.normal(key, (128, 8))
    return jax.vmap(generator, in_axes=(0, None), out_axes=(0, None), axis_name="batch")(z, state)


@eqx.filter_jit
def critic_step(critic, opt_state, generator, state, real, key):
    fakes, state = fakes_of(generator, state, key)  # expect: SN403

    def loss_fn(critic):
        return jnp.mean(jax.vmap(critic)(fakes)) - jnp.mean(jax.vmap(critic)(real))

    grads = eqx.filter_grad(loss_fn)(critic)
    updates, opt_state = critic_tx.update(grads, opt_state)
    return eqx.apply_updates(critic, updates), opt_state, state


@eqx.filter_jit
def generator_step(generator, state, opt_state, critic, key):
    def loss_fn(generator):
        fakes, new = fakes_of(generator, state, key)
        return -jnp.mean(jax.vmap(critic)(fakes)), new

    grads, state = eqx.filter_grad(loss_fn, has_aux=True)(generator)
    updates, opt_state = generator_tx.update(grads, opt_state)
    return eqx.apply_updates(generator, updates), state, opt_state


generator, state = eqx.nn.make_with_state(Generator)(jr.key(0))
critic = eqx.nn.MLP(100, 1, 128, 2, key=jr.key(1))
generator_tx, critic_tx = optax.adam(1e-4), optax.adam(1e-4)
g_opt = generator_tx.init(eqx.filter(generator, eqx.is_array))
c_opt = critic_tx.init(eqx.filter(critic, eqx.is_array))
key = jr.key(2)
for real in curves(128, epochs=500):
    for _ in range(5):
        key, sub = jr.split(key)
        critic, c_opt, state = critic_step(critic, c_opt, generator, state, real, sub)
    key, sub = jr.split(key)
    generator, state, g_opt = generator_step(generator, state, g_opt, critic, sub)
