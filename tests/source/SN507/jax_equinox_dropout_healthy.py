import equinox as eqx
import jax
import jax.random as jr


class Net(eqx.Module):
    a: eqx.nn.Linear
    drop: eqx.nn.Dropout
    norm: eqx.nn.BatchNorm
    b: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.a = eqx.nn.Linear(20, 64, key=k1)
        self.drop = eqx.nn.Dropout(0.5)
        self.norm = eqx.nn.BatchNorm(64, axis_name="batch")
        self.b = eqx.nn.Linear(64, 2, key=k2)

    def __call__(self, x, state, key):
        x = jax.nn.relu(self.a(x))
        x, state = self.norm(x, state)
        x = self.drop(x, key=key)
        return self.b(x), state


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
