import argparse

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint
from flax.training import train_state


class State(train_state.TrainState):
    batch_stats: dict


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(128, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(6)(nn.relu(x))


def create_state(key):
    net = Net()
    variables = net.init(key, jnp.ones((1, 561)), train=False)
    return State.create(apply_fn=net.apply, tx=optax.adam(1e-3), **variables)


def main(args):
    state = create_state(jax.random.PRNGKey(0))
    checkpointer = orbax.checkpoint.PyTreeCheckpointer()
    restored = checkpointer.restore(args.checkpoint)  # expect: SN302
    state = state.replace(params=restored["params"])
    data = np.load(args.data)
    logits = state.apply_fn({"params": state.params, "batch_stats": state.batch_stats}, data["x"], train=False)
    print("accuracy", (logits.argmax(-1) == data["y"]).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("data")
    main(parser.parse_args())
