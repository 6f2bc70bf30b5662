import flax.linen as nn


class MLP(nn.Module):
    widths: tuple

    @nn.compact
    def __call__(self, x, train):
        for width in self.widths:
            x = nn.Dense(width, use_bias=False, kernel_init=nn.initializers.normal(stddev=1.0))(x)  # expect: SN905
            x = nn.BatchNorm(use_running_average=not train)(x)
            x = nn.relu(x)
        return nn.Dense(10)(x)
