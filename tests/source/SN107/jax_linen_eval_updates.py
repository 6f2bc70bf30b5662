import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state

from input_pipeline import test_batches, train_batches


class State(train_state.TrainState):
    batch_stats: dict


class Model(nn.Module):
    @nn.compact
    def __call__(self, x, training: bool):
        x = nn.Dense(256, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not training)(x)
        return nn.Dense(10)(nn.gelu(x))


@jax.jit
def train_step(state, x, y):
    def loss_fn(params):
        logits, new = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, x, training=True, mutable=["batch_stats"]
        )
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new

    (loss, new), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=new["batch_stats"])


@jax.jit
def eval_step(state, x, y):
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    logits, new = state.apply_fn(variables, x, training=True, mutable=["batch_stats"])  # expect: SN107 SN201
    return state.replace(batch_stats=new["batch_stats"]), jnp.mean(logits.argmax(-1) == y)


model = Model()
variables = model.init(jax.random.PRNGKey(0), jnp.ones((1, 784)), training=False)
state = State.create(apply_fn=model.apply, tx=optax.sgd(0.1, 0.9), **variables)
for epoch in range(20):
    for x, y in train_batches(128):
        state = train_step(state, x, y)
    for x, y in test_batches(500):
        state, accuracy = eval_step(state, x, y)
    print(epoch, accuracy)
