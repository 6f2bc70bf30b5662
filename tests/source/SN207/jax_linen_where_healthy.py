import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state

from data import batches


class Norm(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        norm = nn.BatchNorm()
        return norm(x, use_running_average=not train)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(80, use_bias=False)(x)
        x = nn.relu(Norm()(x, train))
        return nn.Dense(10)(x)


class State(train_state.TrainState):
    batch_stats: dict


def step(state, x, y, train):
    def loss_fn(params):
        logits, new = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, x, train, mutable=["batch_stats"]
        )
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    if train:
        state = state.apply_gradients(grads=grads)
    return state.replace(batch_stats=stats), loss


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((2, 784)), False)
state = State.create(apply_fn=net.apply, tx=optax.adam(1e-3), **variables)
for epoch in range(10):
    for x, y in batches("train"):
        state, loss = step(state, x, y, True)
    for x, y in batches("test"):
        state, loss = step(state, x, y, False)
    print(epoch, loss)
