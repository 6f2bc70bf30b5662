import flax.linen as nn
import flax.traverse_util
import jax
import jax.numpy as jnp
import optax
from flax.training import checkpoints, train_state

from data import batches


class Backbone(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(64, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.relu(x).mean((1, 2))


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = Backbone(name="backbone")(x, False)
        return nn.Dense(4, name="head")(x)


class State(train_state.TrainState):
    batch_stats: dict


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((1, 64, 64, 3)), train=False)
variables = checkpoints.restore_checkpoint("pretrained", variables)
labels = flax.traverse_util.path_aware_map(
    lambda path, _: "frozen" if "backbone" in path else "trained", variables["params"]
)
tx = optax.multi_transform({"trained": optax.adam(1e-3), "frozen": optax.set_to_zero()}, labels)
state = State.create(apply_fn=net.apply, tx=tx, **variables)


@jax.jit
def train_step(state, x, y):
    def loss_fn(params):
        logits, new = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, x, train=True, mutable=["batch_stats"]
        )
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    grads, stats = jax.grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=stats)


for x, y in batches(64):
    state = train_step(state, x, y)
