import optax
from flax import nnx

from data import train_batches


class Backbone(nnx.Module):
    def __init__(self, rngs):
        self.linear = nnx.Linear(64, 64, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)

    def __call__(self, x):
        return nnx.relu(self.norm(self.linear(x)))


class Model(nnx.Module):
    def __init__(self, rngs):
        self.backbone = Backbone(rngs)
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.head = nnx.Linear(64, 2, rngs=rngs)

    def __call__(self, x):
        return self.head(self.dropout(self.backbone(x)))


def fit(model, steps):
    optimizer = nnx.Optimizer(model, optax.adam(1e-4))
    model.train()
    model.backbone.eval()
    for _, (x, y) in zip(range(steps), train_batches(64)):
        grads = nnx.grad(lambda m: optax.softmax_cross_entropy_with_integer_labels(m(x), y).mean())(model)
        optimizer.update(grads)


fit(Model(nnx.Rngs(0)), 20000)
