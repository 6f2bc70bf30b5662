"""The forward function takes the mode and forgets it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Dense(100, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(3)(nn.relu(x))


net = Net()
tx = optax.sgd(0.05)


def forward(params, stats, x, train):
    variables = {"params": params, "batch_stats": stats}
    return net.apply(variables, x, mutable=["batch_stats"], train=train)


@jax.jit
def step(params, stats, opt_state, x, y):
    def loss_fn(params):
        logits, new = forward(params, stats, x, train=True)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    (loss, new_stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), new_stats, opt_state


x, y = np.load("x.npy"), np.load("y.npy")
variables = net.init(jax.random.PRNGKey(0), x[:1])
params, stats = variables["params"], variables["batch_stats"]
opt_state = tx.init(params)
rng = np.random.default_rng(0)
for i in range(4000):
    index = rng.integers(len(x), size=50)
    params, stats, opt_state = step(params, stats, opt_state, x[index], y[index])
