import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import optax


class Net(eqx.Module):
    layers: list
    norm: eqx.nn.BatchNorm

    def __init__(self, key):
        k1, k2 = jr.split(key)
        self.layers = [eqx.nn.Linear(8, 32, use_bias=False, key=k1), eqx.nn.Linear(32, 1, key=k2)]
        self.norm = eqx.nn.BatchNorm(32, axis_name="batch", momentum=0.99)

    def __call__(self, x, state):
        x, state = self.norm(self.layers[0](x), state)
        return self.layers[1](jax.nn.relu(x)), state


def loss(model, state, x, y):
    out, state = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)
    return ((out - y) ** 2).mean(), state


@eqx.filter_jit
def step(model, state, opt_state, x, y):
    (value, state), grads = eqx.filter_value_and_grad(loss, has_aux=True)(model, state, x, y)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state, value


def main(steps=2000):
    model, state = eqx.nn.make_with_state(Net)(jr.key(1))
    opt_state = optim.init(eqx.filter(model, eqx.is_array))
    x, y = np.load("x.npy"), np.load("y.npy")
    rng = np.random.default_rng(0)
    for _ in range(steps):
        i = rng.integers(len(x), size=100)
        model, state, opt_state, value = step(model, state, opt_state, x[i], y[i])


optim = optax.adam(1e-3)
main()
