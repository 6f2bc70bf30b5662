import equinox as eqx
import jax
import jax.random as jr
import numpy as np


class Net(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    b: eqx.nn.Linear

    def __init__(self, key):
        ka, kb = jr.split(key)
        self.a = eqx.nn.Linear(10, 40, use_bias=False, key=ka)
        self.norm = eqx.nn.BatchNorm(40, axis_name="batch")
        self.b = eqx.nn.Linear(40, 1, key=kb)

    def __call__(self, x, state):
        h, state = self.norm(self.a(x), state)
        return self.b(jax.nn.relu(h)), state


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
model, state = eqx.tree_deserialise_leaves("solar.eqx", (model, state))
model = eqx.nn.inference_mode(model)
forecast, _ = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(np.load("today.npy"), state)
print(forecast)
