import sys

import numpy as np
import orbax.checkpoint as ocp
from flax import nnx


class Ranker(nnx.Module):
    def __init__(self, features, rngs):
        self.hidden = nnx.Linear(features, 256, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(256, rngs=rngs)
        self.score = nnx.Linear(256, 1, rngs=rngs)

    def __call__(self, x):
        return self.score(nnx.relu(self.norm(self.hidden(x))))[:, 0]


def load(path):
    model = Ranker(136, nnx.Rngs(0))
    state = ocp.StandardCheckpointer().restore(path, nnx.state(model))
    nnx.update(model, state)
    return model


model = load(sys.argv[1])
rows = np.load(sys.argv[2])
model.eval()
scores = model(rows)
np.save("scores.npy", scores)
