import argparse
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import jax_utils
from flax.training import train_state

from input_pipeline import create_iterator


class TrainState(train_state.TrainState):
    batch_stats: Any


class Net(nn.Module):
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(32, (3, 3), strides=2, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, axis_name=self.axis_name)(x)
        return nn.Dense(10)(nn.relu(x).mean((1, 2)))


def train_step(state, batch):
    def loss_fn(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        logits, new = state.apply_fn(variables, batch["image"], train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean(), new

    grads, new = jax.grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=jax.lax.pmean(grads, "replica"), batch_stats=new["batch_stats"])


def main(args):
    net = Net(axis_name="replica")
    variables = net.init(jax.random.PRNGKey(args.seed), jnp.ones((1, 128, 128, 3)), train=False)
    state = TrainState.create(apply_fn=net.apply, tx=optax.adam(1e-3), **variables)
    state = jax_utils.replicate(state)
    step = jax.pmap(train_step, axis_name="replica")
    batch_size = 2 * jax.device_count()
    for batch in create_iterator("train", batch_size):
        batch = jax.tree_util.tree_map(lambda x: x.reshape((jax.local_device_count(), 2) + x.shape[1:]), batch)
        state = step(state, batch)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args())
