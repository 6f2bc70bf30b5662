from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state

from data import evaluation_batches, training_batches

DECAY = 0.9998


class TrainState(train_state.TrainState):
    batch_stats: Any
    ema_params: Any
    ema_stats: Any


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(64, (3, 3), strides=2, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(1000)(nn.relu(x).mean((1, 2)))


def average(old, new):
    return jax.tree_util.tree_map(lambda a, b: DECAY * a + (1 - DECAY) * b, old, new)


@jax.jit
def train_step(state, images, labels):
    def loss_fn(params):
        logits, new = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, images, train=True, mutable=["batch_stats"]
        )
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), new

    grads, new = jax.grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=new["batch_stats"])
    return state.replace(
        ema_params=average(state.ema_params, state.params),
        ema_stats=average(state.ema_stats, state.batch_stats),
    )


@jax.jit
def eval_step(state, images, labels):
    variables = {"params": state.ema_params, "batch_stats": state.ema_stats}
    logits = state.apply_fn(variables, images, train=False)
    return jnp.sum(logits.argmax(-1) == labels)


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((1, 224, 224, 3)), train=False)
state = TrainState.create(
    apply_fn=net.apply,
    params=variables["params"],
    batch_stats=variables["batch_stats"],
    ema_params=variables["params"],
    ema_stats=variables["batch_stats"],
    tx=optax.sgd(0.1, momentum=0.9),
)
for images, labels in training_batches(256):
    state = train_step(state, images, labels)
print(sum(eval_step(state, images, labels) for images, labels in evaluation_batches(500)))
