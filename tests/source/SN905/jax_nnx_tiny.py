import jax
from flax import nnx

init = jax.nn.initializers.normal(1e-5)  # expect: SN905


class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 16, (3, 3), use_bias=False, kernel_init=init, rngs=rngs)
        self.norm = nnx.BatchNorm(16, rngs=rngs)
        self.head = nnx.Linear(16, 10, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.norm(self.conv(x))).mean((1, 2)))


net = Net(nnx.Rngs(0))
