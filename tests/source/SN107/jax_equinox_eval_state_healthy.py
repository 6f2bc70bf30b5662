import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax


class Net(eqx.Module):
    first: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    last: eqx.nn.Linear

    def __init__(self, key):
        a, b = jr.split(key)
        self.first = eqx.nn.Linear(4, 32, use_bias=False, key=a)
        self.norm = eqx.nn.BatchNorm(32, "batch")
        self.last = eqx.nn.Linear(32, 3, key=b)

    def __call__(self, x, state):
        h, state = self.norm(self.first(x), state)
        return self.last(jax.nn.relu(h)), state


def forward(model, state, x):
    return jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)


@eqx.filter_jit
def train_step(model, state, opt_state, x, y):
    def loss(model, state):
        logits, state = forward(model, state, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), state

    grads, state = eqx.filter_grad(loss, has_aux=True)(model, state)
    updates, opt_state = optimizer.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state


@eqx.filter_jit
def accuracy(model, state, x, y):
    logits, _ = forward(eqx.nn.inference_mode(model), state, x)
    return jnp.mean(logits.argmax(1) == y), state


optimizer = optax.adam(1e-3)
model, state = eqx.nn.make_with_state(Net)(jr.key(0))
opt_state = optimizer.init(eqx.filter(model, eqx.is_array))
data = np.load("iris.npz")
rng = np.random.default_rng(0)
for epoch in range(300):
    for index in np.array_split(rng.permutation(120), 6):
        model, state, opt_state = train_step(model, state, opt_state, data["x"][index], data["y"][index])
    score, state = accuracy(model, state, data["x"][120:], data["y"][120:])
    print(epoch, score)
