import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState as Base

from data import load_train


class TrainState(Base):
    batch_stats: dict


class ResidualBlock(nn.Module):
    filters: int

    @nn.compact
    def __call__(self, x, train):
        h = nn.Conv(self.filters, (3, 3), use_bias=False)(x)
        h = nn.BatchNorm(use_running_average=not train)(h)
        h = nn.relu(h)
        return x + nn.Conv(self.filters, (3, 3))(h)


class ResNet(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(32, (7, 7), strides=(2, 2))(x)
        x = ResidualBlock(32)(x, train)
        return nn.Dense(1000)(x.mean((1, 2)))


def cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


@jax.jit
def train_step(state, batch):
    def loss_fn(params):
        logits, new_model_state = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch["image"], True, mutable=["batch_stats"]
        )
        return cross_entropy(logits, batch["label"]), new_model_state

    (loss, new_model_state), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=new_model_state["batch_stats"])


model = ResNet()
variables = model.init(jax.random.PRNGKey(0), jnp.ones((1, 224, 224, 3)), False)
state = TrainState.create(
    apply_fn=model.apply, params=variables["params"], batch_stats=variables["batch_stats"], tx=optax.sgd(0.1)
)
for batch in load_train(256):
    state = train_step(state, batch)
