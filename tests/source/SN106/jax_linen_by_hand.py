import flax.linen as nn
import jax
import jax.numpy as jnp


class BatchNorm(nn.Module):
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x):
        mean = jnp.mean(x, axis=(0, 1, 2))
        var = jnp.var(x, axis=(0, 1, 2))
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return (x - mean) * jax.lax.rsqrt(var + self.epsilon) * scale + bias  # expect: SN106


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(64, (3, 3), use_bias=False)(x)
        x = BatchNorm()(x)
        x = nn.relu(x)
        return nn.Dense(10)(x.mean(axis=(1, 2)))


print(Net().tabulate(jax.random.PRNGKey(0), jnp.zeros((8, 32, 32, 3))))
