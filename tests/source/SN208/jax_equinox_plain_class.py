import equinox as eqx
import jax
import jax.random as jr


class Stage:
    """Convolution and normalization."""

    def __init__(self, inputs, outputs, key):
        self.conv = eqx.nn.Conv2d(inputs, outputs, 3, use_bias=False, key=key)
        self.norm = eqx.nn.BatchNorm(outputs, axis_name="batch")

    def __call__(self, x, state):
        x, state = self.norm(self.conv(x), state)
        return jax.nn.relu(x), state


class Net(eqx.Module):
    stage: Stage
    head: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.stage = Stage(3, 32, k1)  # expect: SN208
        self.head = eqx.nn.Linear(32, 10, key=k2)

    def __call__(self, x, state):
        x, state = self.stage(x, state)
        return self.head(x.mean(axis=(1, 2))), state


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
print(eqx.tree_pformat(model))
