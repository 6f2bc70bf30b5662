"""The samples of the generator are made in training mode."""


import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from data import batches
from flax.training import train_state


class TS(train_state.TrainState):
    batch_stats: dict


class G(nn.Module):
    training: bool

    @nn.compact
    def __call__(self, z):
        x = nn.Dense(64, use_bias=False)(z)
        x = nn.BatchNorm(use_running_average=not self.training, momentum=0.9)(x)
        return nn.tanh(nn.Dense(784)(nn.relu(x)))


class D(nn.Module):
    training: bool

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(64, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not self.training, momentum=0.9)(x)
        return nn.Dense(1)(nn.leaky_relu(x))


@jax.vmap
def bce(l, y):
    return jnp.maximum(l, 0) - l * y + jnp.log(1 + jnp.exp(-jnp.abs(l)))


@jax.jit
def g_step(gs, ds, key):
    z = jax.random.normal(key, (64, 32))

    def loss(params):
        fake, mg = G(training=True).apply({"params": params, "batch_stats": gs.batch_stats}, z, mutable=["batch_stats"])
        logits, md = D(training=True).apply(
            {"params": ds.params, "batch_stats": ds.batch_stats}, fake, mutable=["batch_stats"]
        )
        return jnp.mean(bce(logits, jnp.ones((64, 1)))), (mg, md)

    (l, (mg, md)), grads = jax.value_and_grad(loss, has_aux=True)(gs.params)
    return gs.apply_gradients(grads=grads, batch_stats=mg["batch_stats"]), l


@jax.jit
def d_step(gs, ds, real, key):
    z = jax.random.normal(key, (64, 32))
    fake, _ = G(training=True).apply({"params": gs.params, "batch_stats": gs.batch_stats}, z, mutable=["batch_stats"])

    def loss(params):
        logits, m = D(training=True).apply(
            {"params": params, "batch_stats": ds.batch_stats}, jnp.concatenate([real, fake]), mutable=["batch_stats"]
        )
        r, f = jnp.split(logits, 2)
        return bce(r, jnp.ones((64, 1))).mean() + bce(f, jnp.zeros((64, 1))).mean(), m

    (l, m), grads = jax.value_and_grad(loss, has_aux=True)(ds.params)
    return ds.apply_gradients(grads=grads, batch_stats=m["batch_stats"]), l


@jax.jit
def sample(gs, z):
    return G(training=True).apply({"params": gs.params, "batch_stats": gs.batch_stats}, z, mutable=["batch_stats"])[0]  # expect: SN201


def main():
    k = jax.random.PRNGKey(0)
    vg = G(training=True).init(k, jnp.ones((1, 32)))
    vd = D(training=True).init(k, jnp.ones((1, 784)))
    gs = TS.create(
        apply_fn=G(training=True).apply, params=vg["params"], tx=optax.adam(2e-4, b1=0.5), batch_stats=vg["batch_stats"]
    )
    ds = TS.create(
        apply_fn=D(training=True).apply, params=vd["params"], tx=optax.adam(2e-4, b1=0.5), batch_stats=vd["batch_stats"]
    )
    for epoch in range(20):
        for real in batches(64):
            k, a, b = jax.random.split(k, 3)
            gs, gl = g_step(gs, ds, a)
            ds, dl = d_step(gs, ds, real, b)
        imgs = sample(gs, jax.random.normal(k, (25, 32)))
        imgs.save()


main()
