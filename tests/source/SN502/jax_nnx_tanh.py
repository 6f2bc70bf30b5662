from flax import nnx


class Controller(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(12, 64, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)  # expect: SN502
        self.b = nnx.Linear(64, 2, rngs=rngs)

    def __call__(self, x):
        h = self.norm(self.a(x))
        return self.b(nnx.tanh(h))


controller = Controller(nnx.Rngs(0))
