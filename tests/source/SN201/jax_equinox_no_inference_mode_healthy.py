import equinox as eqx
import jax
import jax.random as jr
import numpy as np


class Encoder(eqx.Module):
    conv: eqx.nn.Conv1d
    norm: eqx.nn.BatchNorm
    out: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.conv = eqx.nn.Conv1d(12, 64, 7, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(64, axis_name="batch")
        self.out = eqx.nn.Linear(64, 5, key=k2)

    def __call__(self, x, state):
        h, state = self.norm(self.conv(x), state)
        return self.out(jax.nn.relu(h).max(axis=1)), state


skeleton = eqx.nn.make_with_state(Encoder)(jr.key(0))
model, state = eqx.tree_deserialise_leaves("encoder.eqx", skeleton)
model = eqx.nn.inference_mode(model)
run = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
signals = np.load("signals.npy")
logits, _ = run(signals, state)
print(logits.argmax(axis=1))
