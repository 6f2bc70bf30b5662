import equinox as eqx
import jax
import jax.random as jr
import optax

from loader import load_batches


class Net(eqx.Module):
    linear: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    out: eqx.nn.Linear

    def __init__(self, width, key):
        k1, k2 = jr.split(key)
        self.linear = eqx.nn.Linear(10, width, use_bias=False, key=k1)
        self.norm = eqx.nn.BatchNorm(width, axis_name="batch", inference=True)  # expect: SN202
        self.out = eqx.nn.Linear(width, 1, key=k2)

    def __call__(self, x, state):
        h, state = self.norm(self.linear(x), state)
        return self.out(jax.nn.gelu(h)), state


@eqx.filter_value_and_grad(has_aux=True)
def compute_loss(model, state, x, y):
    out, state = jax.vmap(model, in_axes=(0, None), out_axes=(0, None), axis_name="batch")(x, state)
    return ((out[:, 0] - y) ** 2).mean(), state


@eqx.filter_jit
def make_step(model, state, opt_state, x, y):
    (loss, state), grads = compute_loss(model, state, x, y)
    updates, opt_state = optim.update(grads, opt_state, model)
    return eqx.apply_updates(model, updates), state, opt_state, loss


model, state = eqx.nn.make_with_state(Net)(128, key=jr.PRNGKey(5678))
optim = optax.adabelief(1e-3)
opt_state = optim.init(eqx.filter(model, eqx.is_inexact_array))
for x, y in load_batches(256):
    model, state, opt_state, loss = make_step(model, state, opt_state, x, y)
eqx.tree_serialise_leaves("model.eqx", (model, state))
