import flax.linen as nn
import jax.numpy as jnp


class ConvBNReLU(nn.Module):
    features: int
    strides: int = 1

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(self.features, (3, 3), strides=self.strides, padding="SAME", use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.relu(x)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        x = ConvBNReLU(32)(x, train)
        x = jnp.mean(x, axis=(1, 2))
        return nn.Dense(10)(x)
