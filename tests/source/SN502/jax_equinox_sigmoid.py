import equinox as eqx
import jax
import jax.random as jr


class Autoencoder(eqx.Module):
    encode: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    decode: eqx.nn.Linear

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.encode = eqx.nn.Linear(784, 32, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(32, axis_name="batch")  # expect: SN502
        self.decode = eqx.nn.Linear(32, 784, key=k2)

    def __call__(self, x, state):
        code, state = self.norm(self.encode(x), state)
        return self.decode(jax.nn.sigmoid(code)), state


model, state = eqx.nn.make_with_state(Autoencoder)(jr.key(0))
