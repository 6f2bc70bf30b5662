import flax.linen as nn


class Block(nn.Module):
    filters: int

    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(self.filters, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, axis=1)(x)  # expect: SN504
        return nn.relu(x)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        return nn.Dense(10)(Block(32)(x, train).mean((1, 2)))
