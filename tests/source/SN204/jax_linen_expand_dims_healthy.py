import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Critic(nn.Module):
    @nn.compact
    def __call__(self, state, action, training: bool):
        x = jnp.concatenate([state, action], axis=-1)
        x = nn.Dense(128, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not training, momentum=0.9)(x)
        return nn.Dense(1)(nn.relu(x))


critic = Critic()
variables = critic.init(jax.random.key(0), jnp.zeros((1, 17)), jnp.zeros((1, 6)), training=False)
tx = optax.adam(1e-3)
opt_state = tx.init(variables["params"])


def loss_fn(params, stats, s, a, target):
    q, new = critic.apply({"params": params, "batch_stats": stats}, s, a, training=True, mutable=["batch_stats"])
    return jnp.mean((q[:, 0] - target) ** 2), new["batch_stats"]


buffer = np.load("transitions.npz")
rng = np.random.default_rng(0)
params, stats = variables["params"], variables["batch_stats"]
for _ in range(100000):
    i = rng.integers(len(buffer["s"]), size=64)
    s, a = buffer["s"][i], buffer["a"][i]
    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, stats, s, a, buffer["q"][i])
    updates, opt_state = tx.update(grads, opt_state)
    params = optax.apply_updates(params, updates)
