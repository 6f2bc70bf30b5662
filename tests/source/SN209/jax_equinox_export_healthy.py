import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr


class Net(eqx.Module):
    linear: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    out: eqx.nn.Linear

    def __init__(self, key):
        a, b = jr.split(key)
        self.linear = eqx.nn.Linear(8, 32, use_bias=False, key=a)
        self.norm = eqx.nn.BatchNorm(32, axis_name="batch")
        self.out = eqx.nn.Linear(32, 1, key=b)

    def __call__(self, x, state):
        h, state = self.norm(self.linear(x), state)
        return self.out(jax.nn.relu(h)), state


model, state = eqx.tree_deserialise_leaves("net.eqx", eqx.nn.make_with_state(Net)(jr.key(0)))
model = eqx.nn.inference_mode(model)


@jax.jit
def predict(x):
    out, _ = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)
    return out[:, 0]


exported = jax.export.export(predict)(jax.ShapeDtypeStruct((64, 8), jnp.float32))
open("net.bin", "wb").write(exported.serialize())
