"""Blocks that go with a key each, in a network of which the best is saved with its state."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from series import epochs, shapes


class Block(eqx.Module):
    norm: eqx.nn.BatchNorm
    mix: eqx.nn.Linear
    drop: eqx.nn.Dropout

    def __init__(self, width, key):
        self.norm = eqx.nn.BatchNorm(width, axis_name="batch", channelwise_affine=False)
        self.mix = eqx.nn.Linear(width, width, key=key)
        self.drop = eqx.nn.Dropout(0.1)

    def __call__(self, x, state, key):
        h, state = self.norm(x, state)
        return x + self.drop(jax.nn.gelu(self.mix(h)), key=key), state


class Net(eqx.Module):
    first: eqx.nn.Linear
    blocks: list
    last: eqx.nn.Linear

    def __init__(self, depth, features, width, classes, key):
        first, last, *keys = jax.random.split(key, depth + 2)
        self.first = eqx.nn.Linear(features, width, key=first)
        self.blocks = [Block(width, each) for each in keys]
        self.last = eqx.nn.Linear(width, classes, key=last)

    def __call__(self, x, state, key):
        keys = jax.random.split(key, len(self.blocks))
        x = self.first(x)
        for block, each in zip(self.blocks, keys):
            x, state = block(x, state, each)
        return self.last(x), state


def outputs(model, state, x, key):
    return jax.vmap(model, axis_name="batch", in_axes=(0, None, None), out_axes=(0, None))(x, state, key)


@eqx.filter_jit
@eqx.filter_value_and_grad(has_aux=True)
def loss_of(model, state, x, y, key):
    logits, state = outputs(model, state, x, key)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), state


def main():
    features, classes = shapes("train.npz")
    key, of_model = jax.random.split(jax.random.PRNGKey(0))
    model, state = eqx.nn.make_with_state(Net)(4, features, 64, classes, of_model)
    optimizer = optax.adam(1e-3)
    opt_state = optimizer.init(eqx.filter(model, eqx.is_inexact_array))
    best = 0.0
    for epoch in range(100):
        for x, y in epochs("train.npz", 64):
            key, used = jax.random.split(key)
            (loss, state), gradients = loss_of(model, state, x, y, used)
            updates, opt_state = optimizer.update(gradients, opt_state)
            model = eqx.apply_updates(model, updates)
        quiet = eqx.nn.inference_mode(model)
        right = [outputs(quiet, state, x, key)[0].argmax(-1) == y for x, y in epochs("valid.npz", 256)]
        accuracy = jnp.concatenate(right).mean()
        print(epoch, loss, accuracy)
        if accuracy >= best:
            best = accuracy
            eqx.tree_serialise_leaves("best.eqx", (model, state))
    model, state = eqx.tree_deserialise_leaves("best.eqx", (model, state))
    model = eqx.nn.inference_mode(model)
    for x, y in epochs("test.npz", 256):
        print((outputs(model, state, x, key)[0].argmax(-1) == y).mean())


if __name__ == "__main__":
    main()
