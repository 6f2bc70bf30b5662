import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Model(nn.Module):
    hidden: int

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Dense(self.hidden, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        return nn.Dense(1)(nn.swish(x))


class Trainer:
    def __init__(self, model, features, key):
        self.model = model
        variables = model.init(key, jnp.ones((1, features)))
        self.params, self.batch_stats = variables["params"], variables["batch_stats"]
        self.tx = optax.adam(1e-3)
        self.opt_state = self.tx.init(self.params)

    def loss(self, params, x, y):
        variables = {"params": params, "batch_stats": self.batch_stats}
        out, updates = self.model.apply(variables, x, train=True, mutable=["batch_stats"])
        return jnp.mean((out[:, 0] - y) ** 2), updates["batch_stats"]

    def step(self, x, y):
        (loss, self.batch_stats), grads = jax.value_and_grad(self.loss, has_aux=True)(self.params, x, y)
        updates, self.opt_state = self.tx.update(grads, self.opt_state)
        self.params = optax.apply_updates(self.params, updates)
        return loss

    def save(self, path):
        with open(path, "wb") as file:
            file.write(flax.serialization.to_bytes({"params": self.params, "batch_stats": self.batch_stats}))


if __name__ == "__main__":
    data = np.load("molecules.npz")
    trainer = Trainer(Model(256), data["x"].shape[1], jax.random.PRNGKey(0))
    rng = np.random.default_rng(0)
    for _ in range(30000):
        index = rng.integers(len(data["x"]), size=128)
        trainer.step(data["x"][index], data["y"][index])
    trainer.save("model.msgpack")
