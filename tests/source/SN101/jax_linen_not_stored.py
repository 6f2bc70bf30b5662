import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax.training.train_state import TrainState


class BNTrainState(TrainState):
    batch_stats: dict


class MLP(nn.Module):
    @nn.compact
    def __call__(self, x, train=True):
        x = nn.Dense(128, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        x = nn.relu(x)
        return nn.Dense(1)(x)[:, 0]


model = MLP()
variables = model.init(jax.random.key(0), jnp.zeros((1, 13)))
state = BNTrainState.create(apply_fn=model.apply, tx=optax.sgd(1e-2), **variables)


def loss_fn(params, batch_stats, x, y):
    out, new_state = model.apply(  # expect: SN101
        {"params": params, "batch_stats": batch_stats},
        x,
        train=True,
        mutable=["batch_stats"],
    )
    return jnp.mean((out - y) ** 2), new_state


@jax.jit
def update(state, x, y):
    grad_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (loss, new_state), grads = grad_fn(state.params, state.batch_stats, x, y)
    return state.apply_gradients(grads=grads), loss


data = np.load("boston.npz")
rng = np.random.default_rng(0)
for epoch in range(200):
    for index in np.array_split(rng.permutation(len(data["x"])), 16):
        state, loss = update(state, data["x"][index], data["y"][index])
