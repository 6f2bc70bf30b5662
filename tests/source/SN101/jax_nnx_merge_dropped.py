import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx


class Model(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(20, 64, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)
        self.out = nnx.Linear(64, 3, rngs=rngs)

    def __call__(self, x):
        return self.out(nnx.relu(self.norm(self.hidden(x))))


model = Model(nnx.Rngs(0))
graphdef, params, batch_stats = nnx.split(model, nnx.Param, nnx.BatchStat)
tx = optax.adam(1e-3)
opt_state = tx.init(params)


@jax.jit
def train_step(params, batch_stats, opt_state, x, y):
    def loss_fn(params):
        model = nnx.merge(graphdef, params, batch_stats)
        logits = model(x)  # expect: SN101
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    loss, grads = jax.value_and_grad(loss_fn)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), batch_stats, opt_state, loss


x_train, y_train = np.load("x.npy"), np.load("y.npy")
rng = np.random.default_rng(1)
for step in range(10000):
    i = rng.integers(len(x_train), size=128)
    params, batch_stats, opt_state, loss = train_step(params, batch_stats, opt_state, x_train[i], y_train[i])
