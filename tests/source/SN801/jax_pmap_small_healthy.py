import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import tensorflow as tf
from flax import jax_utils
from flax.training import train_state

PER_DEVICE_BATCH = 4


class State(train_state.TrainState):
    batch_stats: dict


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(64, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, axis_name="batch")(x)
        return nn.Conv(19, (1, 1))(nn.relu(x))


def train_step(state, batch):
    def loss_fn(params):
        logits, new = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch["image"], train=True, mutable=["batch_stats"]
        )
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean(), new["batch_stats"]

    grads, stats = jax.grad(loss_fn, has_aux=True)(state.params)
    grads = jax.lax.pmean(grads, axis_name="batch")
    return state.apply_gradients(grads=grads, batch_stats=stats)


p_train_step = jax.pmap(train_step, axis_name="batch")
ds = tf.data.Dataset.load("cityscapes").shuffle(3000).repeat()
ds = ds.batch(PER_DEVICE_BATCH).batch(jax.local_device_count())
net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((1, 512, 512, 3)), train=False)
state = jax_utils.replicate(State.create(apply_fn=net.apply, tx=optax.sgd(0.01, 0.9), **variables))
for batch in ds.as_numpy_iterator():
    state = p_train_step(state, batch)
