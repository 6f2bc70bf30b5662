"""CIFAR-10 with Flax."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import tensorflow_datasets as tfds
from flax.training import train_state


class CNN(nn.Module):
    classes: int = 10

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(32, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.relu(x)
        x = jnp.mean(x, axis=(1, 2))
        return nn.Dense(self.classes)(x)


class TrainState(train_state.TrainState):
    batch_stats: dict


def create_state(key, learning_rate):
    model = CNN()
    variables = model.init(key, jnp.ones((1, 32, 32, 3)), train=False)
    return TrainState.create(
        apply_fn=model.apply,
        params=variables["params"],
        batch_stats=variables["batch_stats"],
        tx=optax.adam(learning_rate),
    )


@jax.jit
def train_step(state, batch):
    def loss_fn(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        logits, _ = state.apply_fn(variables, batch["image"], train=True, mutable=["batch_stats"])  # expect: SN101
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()

    loss, grads = jax.value_and_grad(loss_fn)(state.params)
    return state.apply_gradients(grads=grads), loss


def main():
    ds = tfds.load("cifar10", split="train").shuffle(50000).batch(128)
    state = create_state(jax.random.PRNGKey(0), 1e-3)
    for epoch in range(30):
        for batch in tfds.as_numpy(ds):
            state, loss = train_step(state, batch)
        print(epoch, loss)


if __name__ == "__main__":
    main()
