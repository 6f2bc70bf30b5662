"""One of a network's methods fixes the mode."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from data import batches
from flax.training import train_state


class TS(train_state.TrainState):
    batch_stats: dict


class VAE(nn.Module):
    z: int = 8

    def setup(self):
        self.e = nn.Dense(64, use_bias=False)
        self.bn = nn.BatchNorm(momentum=0.9)
        self.mu = nn.Dense(self.z)
        self.d1 = nn.Dense(64, use_bias=False)
        self.bn2 = nn.BatchNorm(momentum=0.9)
        self.d2 = nn.Dense(784)

    def encode(self, x, train):
        return self.mu(nn.relu(self.bn(self.e(x), use_running_average=not train)))

    def decode(self, z, train=False):
        return self.d2(nn.relu(self.bn2(self.d1(z), use_running_average=False)))  # expect: SN201

    def __call__(self, x, key, train=True):
        m = self.encode(x, train)
        return self.decode(m + jax.random.normal(key, m.shape), train=train), m


model = VAE()
k = jax.random.key(0)
v = model.init(k, jnp.ones((1, 784)), k)
st = TS.create(apply_fn=model.apply, params=v["params"], batch_stats=v["batch_stats"], tx=optax.adam(1e-3))


@jax.jit
def step(st, x, key):
    def loss(p):
        (r, m), upd = st.apply_fn({"params": p, "batch_stats": st.batch_stats}, x, key, mutable=["batch_stats"])
        return ((r - x) ** 2).mean() + (m**2).mean(), upd

    (l, upd), g = jax.value_and_grad(loss, has_aux=True)(st.params)
    return st.apply_gradients(grads=g, batch_stats=upd["batch_stats"])


for x in batches(128):
    k, s = jax.random.split(k)
    st = step(st, x, s)
z = jax.random.normal(k, (16, 8))
img = model.apply({"params": st.params, "batch_stats": st.batch_stats}, z, method=model.decode)
rec, _ = model.apply({"params": st.params, "batch_stats": st.batch_stats}, next(batches(8)), k, train=False)
dec = model.bind({"params": st.params, "batch_stats": st.batch_stats}).decode(z)
import numpy as np

np.save("i.npy", img)
