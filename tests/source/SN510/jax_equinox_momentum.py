import equinox as eqx
import jax
import jax.random as jr


class Net(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    b: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.a = eqx.nn.Linear(4, 16, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(16, axis_name="batch", momentum=0.01)  # expect: SN510 likely
        self.b = eqx.nn.Linear(16, 1, key=k2)

    def __call__(self, x, state):
        h, state = self.norm(self.a(x), state)
        return self.b(jax.nn.relu(h)), state


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
