import optax
import tensorflow as tf
from flax import nnx

BATCH_SIZE = 2


class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 32, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.score = nnx.Conv(32, 21, (1, 1), rngs=rngs)

    def __call__(self, x):
        return self.score(nnx.relu(self.norm(self.conv(x))))


@nnx.jit
def train_step(model, optimizer, image, mask):
    def loss_fn(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(image), mask).mean()

    optimizer.update(nnx.grad(loss_fn)(model))


ds = tf.data.Dataset.load("voc").shuffle(2000)
ds = ds.batch(BATCH_SIZE, drop_remainder=True)  # expect: SN505
model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-4))
model.train()
for epoch in range(100):
    for image, mask in ds.as_numpy_iterator():
        train_step(model, optimizer, image, mask)
