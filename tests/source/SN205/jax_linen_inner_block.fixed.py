import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state

from input_pipeline import batches


class ConvBlock(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.Conv(self.features, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.relu(x)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool = False):
        x = ConvBlock(32)(x, train=train)
        x = x.mean(axis=(1, 2))
        x = nn.Dropout(0.3, deterministic=not train)(x)
        return nn.Dense(10)(x)


class State(train_state.TrainState):
    batch_stats: dict


@jax.jit
def train_step(state, batch, key):
    def loss_fn(params):
        logits, new = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats},
            batch["image"],
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean(), new["batch_stats"]

    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=stats), loss


net = Net()
key = jax.random.PRNGKey(0)
variables = net.init(key, jnp.ones((1, 32, 32, 3)))
state = State.create(apply_fn=net.apply, tx=optax.adam(1e-3), **variables)
for batch in batches("train", 128):
    key, sub = jax.random.split(key)
    state, loss = train_step(state, batch, sub)
