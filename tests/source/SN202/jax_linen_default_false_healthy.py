import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Regressor(nn.Module):
    widths: tuple = (64, 64)

    @nn.compact
    def __call__(self, x, is_training: bool = False):
        for width in self.widths:
            x = nn.Dense(width, use_bias=False)(x)
            x = nn.BatchNorm(use_running_average=not is_training)(x)
            x = nn.tanh(nn.Dense(width)(x))
        return nn.Dense(1)(x).squeeze(-1)


model = Regressor()
data = np.load("data.npz")
variables = model.init(jax.random.PRNGKey(42), data["x"][:1])
params = variables["params"]
batch_stats = variables["batch_stats"]
optimizer = optax.adam(3e-4)
opt_state = optimizer.init(params)


@jax.jit
def step(params, batch_stats, opt_state, x, y):
    def loss(params):
        variables = {"params": params, "batch_stats": batch_stats}
        prediction, new = model.apply(variables, x, is_training=True, mutable=["batch_stats"])
        return jnp.square(prediction - y).mean(), new["batch_stats"]

    (value, batch_stats), grads = jax.value_and_grad(loss, has_aux=True)(params)
    updates, opt_state = optimizer.update(grads, opt_state)
    return optax.apply_updates(params, updates), batch_stats, opt_state, value


rng = np.random.default_rng(0)
for i in range(20000):
    index = rng.choice(len(data["x"]), 128)
    params, batch_stats, opt_state, value = step(params, batch_stats, opt_state, data["x"][index], data["y"][index])
