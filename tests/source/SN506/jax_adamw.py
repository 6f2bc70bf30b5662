import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state


class State(train_state.TrainState):
    batch_stats: dict


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(64, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(10)(nn.relu(x))


def create_train_state(key, schedule):
    net = Net()
    variables = net.init(key, jnp.ones((1, 784)), train=False)
    tx = optax.adamw(schedule, weight_decay=0.05)  # expect: SN506
    return State.create(apply_fn=net.apply, tx=tx, **variables)


state = create_train_state(jax.random.PRNGKey(0), optax.cosine_decay_schedule(1e-3, 10000))
