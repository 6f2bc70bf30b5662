import numpy as np
import orbax.checkpoint as ocp
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(30, 90, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(90, rngs=rngs)
        self.b = nnx.Linear(90, 2, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.norm(self.a(x))))


model = Net(nnx.Rngs(0))
state = ocp.StandardCheckpointer().restore("/checkpoints/final", nnx.state(model))
nnx.update(model, state)
model.eval()
print(model(np.load("rows.npy")).argmax(-1))
