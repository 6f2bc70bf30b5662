import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Heatmaps(nn.Module):
    joints: int

    def setup(self):
        self.features = nn.Conv(64, (7, 7))
        self.score = nn.Conv(self.joints, (1, 1), use_bias=False)

    def __call__(self, images, train):
        x = nn.relu(self.features(images))
        return self.score(x)


model = Heatmaps(17)
variables = model.init(jax.random.key(0), jnp.ones((1, 64, 64, 3)), train=False)
params, stats = variables["params"], {}
tx = optax.adam(1e-3)
opt_state = tx.init(params)


def loss_fn(params, stats, x, y):
    out, new = model.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
    return jnp.mean((out - y) ** 2), stats


x, y = np.load("people.npy"), np.load("joints.npy")
rng = np.random.default_rng(0)
for _ in range(20000):
    i = rng.integers(len(x), size=32)
    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, stats, x[i], y[i])
    updates, opt_state = tx.update(grads, opt_state)
    params = optax.apply_updates(params, updates)
