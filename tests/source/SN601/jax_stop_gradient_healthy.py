import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training import checkpoints


class Encoder(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(512, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(128)(nn.relu(x))


class Probe(nn.Module):
    classes: int

    @nn.compact
    def __call__(self, x, train):
        features = jax.lax.stop_gradient(Encoder()(x, train=False))
        features = nn.Dropout(0.2, deterministic=not train)(features)
        return nn.Dense(self.classes)(features)


probe = Probe(10)
variables = probe.init(jax.random.key(0), jnp.ones((1, 784)), train=False)
variables = checkpoints.restore_checkpoint("encoder", variables)
params, stats = variables["params"], variables["batch_stats"]
tx = optax.adam(1e-3)
opt_state = tx.init(params)


@jax.jit
def step(params, stats, opt_state, x, y, key):
    def loss_fn(params):
        logits, new = probe.apply(
            {"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"], rngs={"dropout": key}
        )
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    grads, new_stats = jax.grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), new_stats, opt_state


data = np.load("mnist.npz")
rng, key = np.random.default_rng(0), jax.random.key(1)
for _ in range(3000):
    index = rng.integers(len(data["x"]), size=128)
    key, sub = jax.random.split(key)
    params, stats, opt_state = step(params, stats, opt_state, data["x"][index], data["y"][index], sub)
