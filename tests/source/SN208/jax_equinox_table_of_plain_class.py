import equinox as eqx
import jax
import jax.random as jr


class Branch:
    def __init__(self, width, key):
        self.norm = eqx.nn.BatchNorm(width, axis_name="batch")
        self.linear = eqx.nn.Linear(width, 16, key=key)

    def __call__(self, x, state):
        x, state = self.norm(x, state)
        return jax.nn.relu(self.linear(x)), state


class Fusion(eqx.Module):
    branches: dict
    head: eqx.nn.Linear

    def __init__(self, widths, key):
        keys = jr.split(key, len(widths) + 1)
        self.branches = {name: Branch(width, k) for (name, width), k in zip(widths.items(), keys)}  # expect: SN208
        self.head = eqx.nn.Linear(16 * len(widths), 4, key=keys[-1])

    def __call__(self, inputs, state):
        outputs = []
        for name, branch in self.branches.items():
            out, state = branch(inputs[name], state)
            outputs.append(out)
        return self.head(jax.numpy.concatenate(outputs)), state


model, state = eqx.nn.make_with_state(Fusion)({"sound": 40, "picture": 128}, jr.key(0))
print(eqx.tree_pformat(model))
