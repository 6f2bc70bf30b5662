import equinox as eqx
import jax
import jax.random as jr


class Net(eqx.Module):
    conv: eqx.nn.Conv2d
    norm: eqx.nn.BatchNorm
    head: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.conv = eqx.nn.Conv2d(3, 32, kernel_size=3, key=k1)  # expect: SN501
        self.norm = eqx.nn.BatchNorm(32, axis_name="batch")
        self.head = eqx.nn.Linear(32, 10, key=k2)

    def __call__(self, x, state):
        x, state = self.norm(self.conv(x), state)
        x = jax.nn.relu(x)
        return self.head(x.mean(axis=(1, 2))), state


model, state = eqx.nn.make_with_state(Net)(jr.PRNGKey(0))
