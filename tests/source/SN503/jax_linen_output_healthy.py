import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state

from data import batches


class State(train_state.TrainState):
    batch_stats: dict


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.relu(nn.Dense(128)(x))
        return nn.Dense(10)(x)


@jax.jit
def train_step(state, x, y):
    def loss_fn(params):
        logits, new = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, x, train=True, mutable=["batch_stats"]
        )
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), {}

    grads, stats = jax.grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=stats)


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((2, 30)), train=False)
state = State.create(apply_fn=net.apply, tx=optax.adam(1e-3), batch_stats={}, **variables)
for x, y in batches(64):
    state = train_step(state, x, y)
