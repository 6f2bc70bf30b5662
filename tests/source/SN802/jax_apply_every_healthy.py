import equinox as eqx
import jax
import jax.random as jr
import optax


class Net(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    b: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.a = eqx.nn.Linear(8, 64, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(64, axis_name="batch")
        self.b = eqx.nn.Linear(64, 1, key=k2)

    def __call__(self, x, state):
        h, state = self.norm(self.a(x), state)
        return self.b(jax.nn.relu(h)), state


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
optim = optax.chain(optax.scale_by_adam(), optax.scale(-1e-3))
opt_state = optim.init(eqx.filter(model, eqx.is_array))
