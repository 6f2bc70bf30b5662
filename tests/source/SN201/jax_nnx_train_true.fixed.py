"""A network of Flax nnx whose call takes the mode, which the evaluation says as the training does."""

import optax
from flax import nnx

from pictures import batches


class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 32, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.last = nnx.Linear(32, 10, rngs=rngs)

    def __call__(self, x, train: bool = False):
        x = nnx.relu(self.norm(self.conv(x), use_running_average=not train))
        return self.last(x.mean((1, 2)))


@nnx.jit
def step(model, optimizer, x, y):
    def loss_of(model):
        logits = model(x, train=True)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    loss, gradients = nnx.value_and_grad(loss_of)(model)
    optimizer.update(gradients)
    return loss


if __name__ == "__main__":
    model = Net(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-3))
    for x, y in batches("train.npz", 64):
        loss = step(model, optimizer, x, y)
    for x, y in batches("test.npz", 256):
        print((model(x, train=False).argmax(-1) == y).mean())
