import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Net(nn.Module):
    train: bool

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(64, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not self.train)(x)
        return nn.Dense(2)(nn.relu(x))


key = jax.random.PRNGKey(0)
data = np.load("data.npz")
train_net, eval_net = Net(train=True), Net(train=False)
variables = train_net.init(key, data["x"][:2])
params, stats = variables["params"], variables["batch_stats"]
tx = optax.adam(1e-3)
opt_state = tx.init(params)


@jax.jit
def step(params, stats, opt_state, x, y):
    def loss_fn(params):
        logits, new = train_net.apply({"params": params, "batch_stats": stats}, x, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    (loss, new_stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), new_stats, opt_state


rng = np.random.default_rng(0)
for _ in range(10000):
    i = rng.integers(len(data["x"]), size=64)
    params, stats, opt_state = step(params, stats, opt_state, data["x"][i], data["y"][i])

logits = eval_net.apply({"params": params, "batch_stats": stats}, data["x_test"])
print(jnp.mean(logits.argmax(-1) == data["y_test"]))
