from flax import linen as nn
from jax.nn import initializers


def kernel(scale):
    return initializers.truncated_normal(stddev=scale)


class Stem(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(64, (7, 7), use_bias=False, kernel_init=kernel(0.02))(x)
        x = nn.BatchNorm(use_running_average=not train, scale_init=initializers.normal(1.0))(x)
        return nn.Dense(10)(nn.relu(x).mean((1, 2)))


stem = Stem()
