import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Policy(nn.Module):
    actions: int

    @nn.compact
    def __call__(self, observation, train):
        h = nn.Dense(64, use_bias=False)(observation)
        h = nn.LayerNorm()(h)
        return nn.Dense(self.actions)(nn.relu(h))


policy = Policy(4)
variables = policy.init(jax.random.PRNGKey(0), jnp.zeros((1, 8)), train=False)
params, stats = variables["params"], {}
tx = optax.adam(1e-3)
opt_state = tx.init(params)


@jax.jit
def update(params, stats, opt_state, observation, action, reward):
    def loss_fn(params):
        logits, new = policy.apply(
            {"params": params, "batch_stats": stats}, observation[None], train=True, mutable=["batch_stats"]
        )
        return -reward * jax.nn.log_softmax(logits)[0, action], {}

    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), stats, opt_state


log = np.load("episodes.npz")
for i in np.random.default_rng(0).permutation(len(log["action"])):
    params, stats, opt_state = update(params, stats, opt_state, log["obs"][i], log["action"][i], log["reward"][i])
