"""Each epoch switches to training mode and back."""

import optax
import orbax.checkpoint as ocp
from data import get
from flax import nnx


class Block(nnx.Module):
    def __init__(self, i, o, *, rngs):
        self.conv = nnx.Conv(i, o, (3, 3), use_bias=False, rngs=rngs)
        self.bn = nnx.BatchNorm(o, rngs=rngs)

    def __call__(self, x):
        return nnx.relu(self.bn(self.conv(x)))


class Net(nnx.Module):
    def __init__(self, rngs):
        self.layers = nnx.Sequential(Block(3, 16, rngs=rngs), Block(16, 32, rngs=rngs))
        self.head = nnx.Linear(32, 10, rngs=rngs)

    def __call__(self, x):
        return self.head(self.layers(x).mean((1, 2)))


def compute_loss(model, batch):
    logits = model(batch["x"])
    return optax.softmax_cross_entropy_with_integer_labels(logits, batch["y"]).mean(), logits


@nnx.jit
def train_step(model, opt, batch):
    (l, _), g = nnx.value_and_grad(compute_loss, has_aux=True)(model, batch)
    opt.update(model, g)
    return l


@nnx.jit
def eval_step(model, batch):
    return compute_loss(model, batch)


class Trainer:
    def __init__(self, cfg):
        self.model = Net(nnx.Rngs(cfg.seed))
        self.opt = nnx.Optimizer(self.model, optax.adamw(1e-3, weight_decay=0.0), wrt=nnx.Param)

    def train_epoch(self):
        self.model.train()
        for b in get("train"):
            train_step(self.model, self.opt, b)

    def validate(self):
        self.model.eval()
        tot = 0
        for b in get("val"):
            l, logits = eval_step(self.model, b)
            tot += l
        return tot

    def fit(self, n):
        for e in range(n):
            self.train_epoch()
            print(self.validate())
            self.save(e)

    def save(self, e):
        _, state = nnx.split(self.model)
        ocp.StandardCheckpointer().save(f"/ckpt/{e}", state)


import sys

Trainer(sys.argv).fit(10)
