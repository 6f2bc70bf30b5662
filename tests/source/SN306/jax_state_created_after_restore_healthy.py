import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import serialization
from flax.training import train_state

from data import test_batches


class State(train_state.TrainState):
    batch_stats: dict


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(64, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(2)(nn.relu(x))


class Experiment:
    def __init__(self):
        self.net = Net()
        self.create()

    def create(self):
        variables = self.net.init(jax.random.PRNGKey(0), jnp.ones((1, 50)), train=False)
        self.state = State.create(apply_fn=self.net.apply, tx=optax.adam(1e-3), **variables)

    def restore(self, path):
        with open(path, "rb") as file:
            self.state = serialization.from_bytes(self.state, file.read())

    def evaluate(self):
        variables = {"params": self.state.params, "batch_stats": self.state.batch_stats}
        hits = [(self.net.apply(variables, x, train=False).argmax(-1) == y).mean() for x, y in test_batches(500)]
        return sum(hits) / len(hits)


experiment = Experiment()
experiment.restore("state.msgpack")
print(experiment.evaluate())
