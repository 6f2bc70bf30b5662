import argparse

import equinox as eqx
import jax
import jax.random as jr
import optax
import tensorflow_datasets as tfds


class Net(eqx.Module):
    conv: eqx.nn.Conv2d
    norm: eqx.nn.BatchNorm
    head: eqx.nn.Linear

    def __init__(self, key):
        a, b = jr.split(key)
        self.conv = eqx.nn.Conv2d(3, 32, 3, stride=2, use_bias=False, key=a)
        self.norm = eqx.nn.BatchNorm(32, axis_name="batch")
        self.head = eqx.nn.Linear(32, 37, key=b)

    def __call__(self, x, state):
        x, state = self.norm(self.conv(x), state)
        return self.head(jax.nn.relu(x).mean((1, 2))), state


def dataset(batch_size):
    ds = tfds.load("oxford_iiit_pet", split="train", shuffle_files=True)
    return ds.shuffle(1000).batch(batch_size).as_numpy_iterator()


@eqx.filter_jit
def step(model, state, opt_state, images, labels):
    def loss_fn(model, state):
        run = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
        logits, state = run(images, state)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), state

    grads, state = eqx.filter_grad(loss_fn, has_aux=True)(model, state)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state


optim = optax.adam(1e-3)
model, state = eqx.nn.make_with_state(Net)(jr.key(0))
opt_state = optim.init(eqx.filter(model, eqx.is_array))
for batch in dataset(64):
    images = batch["image"].transpose(0, 3, 1, 2) / 255.0
    model, state, opt_state = step(model, state, opt_state, images, batch["label"])
