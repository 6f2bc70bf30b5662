"""init with train=False only makes the variables."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Dense(8, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(1)(nn.relu(x))


variables = Net().init(jax.random.PRNGKey(0), jnp.ones((1, 4)), train=False)
print(Net().tabulate(jax.random.PRNGKey(0), jnp.ones((1, 4))))
print(jax.tree_util.tree_map(jnp.shape, variables))
