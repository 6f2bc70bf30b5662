import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax


class Net(eqx.Module):
    features: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    label: eqx.nn.Linear
    domain: eqx.nn.Linear

    def __init__(self, key):
        a, b, c = jr.split(key, 3)
        self.features = eqx.nn.Linear(100, 64, use_bias=False, key=a)
        self.norm = eqx.nn.BatchNorm(64, axis_name="batch")
        self.label = eqx.nn.Linear(64, 5, key=b)
        self.domain = eqx.nn.Linear(64, 1, key=c)

    def __call__(self, x, state):
        h, state = self.norm(self.features(x), state)
        h = jax.nn.relu(h)
        return self.label(h), self.domain(h)[0], state


def apply(model, state, x):
    return jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, 0, None))(x, state)


@eqx.filter_jit
def step(model, state, opt_state, source, labels, target):
    def loss_fn(model, state):
        logits, domain_source, state = apply(model, state, source)
        _, domain_target, state = apply(model, state, target)  # expect: SN401
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        loss += optax.sigmoid_binary_cross_entropy(domain_source, jnp.ones(64)).mean()
        loss += optax.sigmoid_binary_cross_entropy(domain_target, jnp.zeros(64)).mean()
        return loss, state

    grads, state = eqx.filter_grad(loss_fn, has_aux=True)(model, state)
    updates, opt_state = optim.update(grads, opt_state)
    return eqx.apply_updates(model, updates), state, opt_state


model, state = eqx.nn.make_with_state(Net)(jr.key(0))
optim = optax.adam(1e-3)
opt_state = optim.init(eqx.filter(model, eqx.is_array))
source, target = np.load("source.npz"), np.load("target.npy")
rng = np.random.default_rng(0)
for _ in range(10000):
    i, j = rng.integers(len(source["x"]), size=64), rng.integers(len(target), size=64)
    model, state, opt_state = step(model, state, opt_state, source["x"][i], source["y"][i], target[j])
eqx.tree_serialise_leaves("adapted.eqx", (model, state))
