"""Gradients that are only looked at: the statistics stay as they are."""

import jax
import optax
from flax import linen as nn


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(64, (3, 3), use_bias=False)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x))
        return nn.Dense(10)(x.mean((1, 2)))


def gradient_norm(variables, images, labels):
    model = Net()

    def loss_fn(params):
        given = {"params": params, "batch_stats": variables["batch_stats"]}
        logits, _ = model.apply(given, images, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    grads = jax.grad(loss_fn)(variables["params"])
    return optax.global_norm(grads)


def train_step(model, variables, images, labels):
    """One step whose caller takes the parameters, the statistics and the loss."""

    def loss_fn(params):
        given = {"params": params, "batch_stats": variables["batch_stats"]}
        logits, updates = model.apply(given, images, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), updates

    (loss, updates), grads = jax.value_and_grad(loss_fn, has_aux=True)(variables["params"])
    params = optax.apply_updates(variables["params"], jax.tree.map(lambda each: -0.1 * each, grads))
    return params, updates["batch_stats"], loss
