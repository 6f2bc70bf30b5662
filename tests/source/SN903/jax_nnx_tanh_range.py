import numpy as np
import optax
import tensorflow as tf
from flax import nnx


class Colorizer(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Conv(1, 32, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.b = nnx.Conv(32, 3, (3, 3), rngs=rngs)

    def __call__(self, gray):
        h = nnx.relu(self.norm(self.a(gray)))
        return nnx.tanh(self.b(h))


def pair(image):
    image = tf.cast(image, tf.float32) / 255.0
    return tf.image.rgb_to_grayscale(image), image


@nnx.jit
def train_step(model, optimizer, gray, color):
    def loss_fn(model):
        return optax.l2_loss(model(gray), color).mean()  # expect: SN903

    optimizer.update(nnx.grad(loss_fn)(model))


images = np.load("photos.npy")
ds = tf.data.Dataset.from_tensor_slices(images).map(pair).shuffle(10000).batch(32)
model = Colorizer(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
for epoch in range(30):
    for gray, color in ds.as_numpy_iterator():
        train_step(model, optimizer, gray, color)
