import jax
from flax import nnx


class Attention(nnx.Module):
    def __init__(self, width, rngs):
        self.score = nnx.Linear(width, 1, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(1, use_scale=True, rngs=rngs)
        self.out = nnx.Linear(width, 3, rngs=rngs)

    def __call__(self, tokens):
        weights = jax.nn.softmax(self.norm(self.score(tokens)), axis=1)
        return self.out((weights * tokens).sum(axis=1))


attention = Attention(64, nnx.Rngs(0))
