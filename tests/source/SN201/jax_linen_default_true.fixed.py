import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state

from data import epoch_batches, validation_batches


class TrainState(train_state.TrainState):
    batch_stats: dict


class Net(nn.Module):
    features: int = 128

    @nn.compact
    def __call__(self, x, train: bool = True):
        x = nn.Dense(self.features, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(4)(nn.silu(x))


@jax.jit
def train_step(state, x, y):
    def loss_fn(params):
        logits, new = state.apply_fn({"params": params, "batch_stats": state.batch_stats}, x, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new

    grads, new = jax.grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=new["batch_stats"])


@jax.jit
def evaluate(state, x, y):
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    logits, _ = state.apply_fn(variables, x, mutable=["batch_stats"], train=False)
    return (logits.argmax(-1) == y).mean()


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((2, 40)))
state = TrainState.create(apply_fn=net.apply, tx=optax.adam(1e-3), **variables)
for epoch in range(50):
    for x, y in epoch_batches(64):
        state = train_step(state, x, y)
    print(epoch, [evaluate(state, x, y) for x, y in validation_batches(256)])
