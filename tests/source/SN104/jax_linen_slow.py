import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(64, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9997)(x)  # expect: SN104
        return nn.Dense(2)(nn.relu(x))


net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.zeros((1, 30)), train=False)
params, batch_stats = variables["params"], variables["batch_stats"]
tx = optax.adam(1e-3)
opt_state = tx.init(params)


@jax.jit
def step(params, batch_stats, opt_state, x, y):
    def loss_fn(params):
        logits, new = net.apply({"params": params, "batch_stats": batch_stats}, x, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    (loss, new_stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), new_stats, opt_state, loss


x, y = np.load("x.npy"), np.load("y.npy")
rng = np.random.default_rng(0)
for i in range(800):
    index = rng.integers(len(x), size=64)
    params, batch_stats, opt_state, loss = step(params, batch_stats, opt_state, x[index], y[index])
