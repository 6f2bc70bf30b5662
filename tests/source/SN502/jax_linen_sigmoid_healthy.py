import flax.linen as nn


class Gate(nn.Module):
    channels: int

    @nn.compact
    def __call__(self, x, train):
        g = nn.Conv(self.channels, (1, 1), use_bias=False)(x)
        g = nn.BatchNorm(use_running_average=not train)(g)
        return x * nn.relu(g)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = Gate(32)(x, train)
        return nn.Dense(4)(x.mean((1, 2)))
