from flax import nnx
import numpy as np


class Layer(nnx.Module):
    def __init__(self, width, rngs):
        self.dense = nnx.Linear(width, width, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)

    def __call__(self, x):
        return nnx.relu(self.norm(self.dense(x)))


class Encoder(nnx.Module):
    def __init__(self, width, depth, rngs):
        self.layers = nnx.List([Layer(width, rngs) for _ in range(depth)])

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


encoder = Encoder(64, 4, nnx.Rngs(0))
encoder.eval()
codes = encoder(np.load("x.npy"))
np.save("codes.npy", np.asarray(codes))
