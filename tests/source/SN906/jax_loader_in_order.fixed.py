import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10


def collate(items):
    images, labels = zip(*items)
    return np.stack([np.asarray(i, dtype="float32") / 255 for i in images]), np.array(labels)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(32, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(10)(nn.relu(x).mean((1, 2)))


train_loader = DataLoader(CIFAR10("data", train=True), batch_size=128, collate_fn=collate, shuffle=True)
net = Net()
variables = net.init(jax.random.PRNGKey(0), jnp.ones((1, 32, 32, 3)), train=False)
params, stats = variables["params"], variables["batch_stats"]
tx = optax.sgd(0.1, momentum=0.9)
opt_state = tx.init(params)


@jax.jit
def step(params, stats, opt_state, x, y):
    def loss_fn(params):
        logits, new = net.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new["batch_stats"]

    grads, new_stats = jax.grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), new_stats, opt_state


for epoch in range(30):
    for x, y in train_loader:
        params, stats, opt_state = step(params, stats, opt_state, x, y)
