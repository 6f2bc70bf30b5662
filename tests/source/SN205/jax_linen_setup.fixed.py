import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Encoder(nn.Module):
    width: int

    def setup(self):
        self.dense = nn.Dense(self.width, use_bias=False)
        self.norm = nn.BatchNorm(momentum=0.9)

    def __call__(self, x, training=False):
        return nn.relu(self.norm(self.dense(x), use_running_average=not training))


class Autoencoder(nn.Module):
    width: int
    outputs: int

    def setup(self):
        self.encoder = Encoder(self.width)
        self.decoder = nn.Dense(self.outputs)

    def __call__(self, x, training=False):
        return self.decoder(self.encoder(x, training=training))


def make_train_step(model, tx):
    def loss_fn(params, stats, x):
        y, new = model.apply({"params": params, "batch_stats": stats}, x, training=True, mutable=["batch_stats"])
        return jnp.mean((x - y) ** 2), new["batch_stats"]

    @jax.jit
    def step(params, stats, opt_state, x):
        (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, stats, x)
        updates, opt_state = tx.update(grads, opt_state)
        return optax.apply_updates(params, updates), stats, opt_state, loss

    return step


def main():
    from spectra import shuffled_batches

    model, tx = Autoencoder(64, 1024), optax.adam(1e-3)
    variables = model.init(jax.random.key(0), jnp.zeros((1, 1024)))
    params, stats = variables["params"], variables["batch_stats"]
    opt_state = tx.init(params)
    step = make_train_step(model, tx)
    for x in shuffled_batches(128):
        params, stats, opt_state, loss = step(params, stats, opt_state, x)


main()
