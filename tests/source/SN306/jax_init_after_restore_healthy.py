import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.training import checkpoints


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Dense(32, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(3)(nn.relu(x))


net = Net()
rows = np.load("rows.npy")
variables = net.init(jax.random.PRNGKey(0), jnp.ones((1, rows.shape[1])))
variables = checkpoints.restore_checkpoint("run/", target=variables)
print(net.apply(variables, rows, train=False).argmax(-1))
