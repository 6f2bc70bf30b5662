import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state

from pipeline import train_iterator


class State(train_state.TrainState):
    batch_stats: dict


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(48, (5, 5), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.relu(x).mean(axis=(1, 2))
        return nn.Dense(10)(x)


def loss_fn(params, state, images, labels):
    variables = {"params": params, "batch_stats": state.batch_stats}
    logits, new = state.apply_fn(variables, images, train=False, mutable=["batch_stats"])  # expect: SN202
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), new["batch_stats"]


@jax.jit
def train_step(state, images, labels):
    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params, state, images, labels)
    return state.apply_gradients(grads=grads, batch_stats=stats), loss


model = Net()
variables = model.init(jax.random.PRNGKey(0), jnp.ones((1, 28, 28, 1)), train=False)
state = State.create(apply_fn=model.apply, tx=optax.adamax(1e-3), **variables)
for images, labels in train_iterator(64):
    state, loss = train_step(state, images, labels)
