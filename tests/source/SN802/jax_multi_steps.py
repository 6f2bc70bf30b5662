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
        x = nn.Conv(32, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(10)(nn.relu(x).mean((1, 2)))


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((1, 32, 32, 3)), train=False)
tx = optax.MultiSteps(optax.adam(1e-3), every_k_schedule=8)  # expect: SN802
state = State.create(apply_fn=net.apply, tx=tx, **variables)
