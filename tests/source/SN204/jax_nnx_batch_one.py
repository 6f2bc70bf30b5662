import optax
import tensorflow as tf
from flax import nnx


class Head(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 64, (3, 3), strides=2, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)  # expect: SN204
        self.out = nnx.Linear(64, 5, rngs=rngs)

    def __call__(self, x):
        pooled = nnx.relu(self.conv(x)).mean(axis=(1, 2))
        return self.out(self.norm(pooled))


@nnx.jit
def train_step(model, optimizer, image, label):
    def loss_fn(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(image), label).mean()

    loss, grads = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(grads)
    return loss


ds = tf.data.Dataset.load("scenes").shuffle(1000).batch(1)
model = Head(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-4))
model.train()
for epoch in range(5):
    for image, label in ds.as_numpy_iterator():
        train_step(model, optimizer, image, label)
