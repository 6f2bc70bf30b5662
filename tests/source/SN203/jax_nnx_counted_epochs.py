"""Three epochs, each of which ends in inference mode: one mistake, told once."""

import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.hidden = nnx.Linear(10, 32, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.head = nnx.Linear(32, 2, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.norm(self.hidden(x))))


@nnx.jit
def step(net, optimizer, x, y):
    def loss(net):
        return optax.softmax_cross_entropy_with_integer_labels(net(x), y).mean()

    optimizer.update(nnx.grad(loss)(net))


def main(train_batches, validation_batches):
    net = Net(nnx.Rngs(0))
    optimizer = nnx.Optimizer(net, optax.sgd(0.1))
    for _ in range(3):
        for x, y in train_batches:
            step(net, optimizer, x, y)
        net.eval()  # expect: SN203
        for x, y in validation_batches:
            print((net(x).argmax(-1) == y).mean())
