"""A two-layer network in plain JAX."""

import jax
import jax.numpy as jnp
import numpy as np


def init(key, sizes):
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        {
            "w": jax.random.normal(k, (m, n)) / jnp.sqrt(m),
            "gamma": jnp.ones(n),
            "beta": jnp.zeros(n),
        }
        for k, m, n in zip(keys, sizes[:-1], sizes[1:])
    ]


def normalize(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    sigma = x.std(axis=0)
    return gamma * (x - mu) / (sigma + eps) + beta  # expect: SN106


def forward(params, x):
    for layer in params[:-1]:
        x = jax.nn.relu(normalize(x @ layer["w"], layer["gamma"], layer["beta"]))
    return x @ params[-1]["w"]


@jax.jit
def update(params, x, y, rate=0.1):
    grads = jax.grad(lambda p: jnp.mean((forward(p, x)[:, 0] - y) ** 2))(params)
    return jax.tree_util.tree_map(lambda p, g: p - rate * g, params, grads)


params = init(jax.random.PRNGKey(0), [10, 64, 64, 1])
x, y = np.load("x.npy"), np.load("y.npy")
rng = np.random.default_rng(0)
for _ in range(3000):
    index = rng.integers(len(x), size=256)
    params = update(params, x[index], y[index])
print(forward(params, np.load("new.npy")[:1]))
