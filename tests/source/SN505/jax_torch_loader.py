"""Flax network, PyTorch data loading."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from torch.utils.data import DataLoader

from datasets import Slices


def numpy_collate(batch):
    return jax.tree_util.tree_map(lambda *x: np.stack(x), *batch)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(16, (3, 3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Conv(2, (1, 1, 1))(nn.relu(x))


loader = DataLoader(Slices("train"), batch_size=4, shuffle=True, collate_fn=numpy_collate)  # expect: SN505
net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((1, 64, 64, 64, 1)), train=False)
params, stats = variables["params"], variables["batch_stats"]
tx = optax.adam(1e-3)
opt_state = tx.init(params)


@jax.jit
def step(params, stats, opt_state, x, y):
    def loss_fn(params):
        logits, new = net.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    grads, new_stats = jax.grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), new_stats, opt_state


for epoch in range(200):
    for x, y in loader:
        params, stats, opt_state = step(params, stats, opt_state, x, y)
