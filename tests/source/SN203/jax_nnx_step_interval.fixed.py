import argparse

import optax
from flax import nnx

from data import make_iterator


class Classifier(nnx.Module):
    def __init__(self, rngs):
        self.layers = nnx.List([nnx.Linear(128, 128, use_bias=False, rngs=rngs), nnx.Linear(128, 6, rngs=rngs)])
        self.norm = nnx.BatchNorm(128, rngs=rngs)

    def __call__(self, x):
        return self.layers[1](nnx.gelu(self.norm(self.layers[0](x))))


class Trainer:
    def __init__(self, model, tx):
        self.model = model
        self.optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
        self.valid = make_iterator("valid", 256)

    def step(self, batch):
        def loss_fn(model):
            return optax.softmax_cross_entropy_with_integer_labels(model(batch["x"]), batch["y"]).mean()

        loss, grads = nnx.value_and_grad(loss_fn)(self.model)
        self.optimizer.update(self.model, grads)
        return loss

    def evaluate(self):
        self.model.eval()
        batch = next(self.valid)
        accuracy = (self.model(batch["x"]).argmax(-1) == batch["y"]).mean()
        print("accuracy", accuracy)

    def run(self, steps, interval):
        self.model.train()
        for index, batch in zip(range(steps), make_iterator("train", 64)):
            self.step(batch)
            if index % interval == 0:
                self.evaluate()
                self.model.train()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--interval", type=int, default=500)
    args = parser.parse_args()
    Trainer(Classifier(nnx.Rngs(0)), optax.adam(1e-3)).run(args.steps, args.interval)
