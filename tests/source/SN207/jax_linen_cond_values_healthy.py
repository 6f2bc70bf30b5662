import flax.linen as nn
import jax


class SwitchNorm(nn.Module):
    """One normalization under a traced flag."""

    momentum: float = 0.99

    def setup(self):
        self.norm = nn.BatchNorm(momentum=self.momentum)

    def __call__(self, x, flag):
        return nn.cond(
            flag,
            lambda module, x: module.norm(x, use_running_average=False),
            lambda module, x: module.norm(x, use_running_average=True),
            self,
            x,
        )


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, flag):
        x = nn.Conv(16, (3, 3), use_bias=False)(x)
        x = nn.relu(SwitchNorm()(x, flag))
        return nn.Dense(10)(x.reshape(x.shape[0], -1))


@jax.jit
def run(variables, x, flag):
    return Net().apply(variables, x, flag, mutable=["batch_stats"])


x = jax.numpy.ones((32, 28, 28, 1))
variables = Net().init(jax.random.key(0), x, True)
out, new = run(variables, x, True)
print(out.shape)
