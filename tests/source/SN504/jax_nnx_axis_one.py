from flax import nnx


class Stem(nnx.Module):
    def __init__(self, width, rngs):
        self.conv = nnx.Conv(3, width, kernel_size=(3, 3), strides=2, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(width, axis=1, rngs=rngs)  # expect: SN504
        self.head = nnx.Linear(width, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.norm(self.conv(x)))
        return self.head(x.mean((1, 2)))


stem = Stem(32, nnx.Rngs(0))
