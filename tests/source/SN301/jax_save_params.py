import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import checkpoints, train_state

from input_pipeline import train_batches


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(32, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(10)(nn.relu(x).mean((1, 2)))


class TrainState(train_state.TrainState):
    batch_stats: dict


@jax.jit
def train_step(state, batch):
    def loss_fn(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        logits, new = state.apply_fn(variables, batch["image"], train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean(), new

    (loss, new), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=new["batch_stats"])


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((1, 32, 32, 3)), train=False)
state = TrainState.create(apply_fn=net.apply, tx=optax.sgd(0.1, 0.9), **variables)
for epoch in range(100):
    for batch in train_batches(128):
        state = train_step(state, batch)
    checkpoints.save_checkpoint("run", state.params, step=epoch)  # expect: SN301
