import optax
import tensorflow as tf
from flax import nnx
from tqdm import tqdm


class Net(nnx.Module):
    def __init__(self, classes, rngs):
        self.conv = nnx.Conv(3, 32, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.head = nnx.Linear(32, classes, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.norm(self.conv(x))).mean((1, 2)))


def loss_fn(model, x, y):
    logits = model(x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits


@nnx.jit
def train_step(model, optimizer, x, y):
    (loss, _), grads = nnx.value_and_grad(loss_fn, has_aux=True)(model, x, y)
    optimizer.update(grads)
    return loss


train_ds = tf.data.Dataset.load("train").shuffle(10000).batch(64)
valid_ds = tf.data.Dataset.load("valid").batch(64)
model = Net(10, nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))

for epoch in range(20):
    model.train()
    for x, y in tqdm(train_ds.as_numpy_iterator()):
        train_step(model, optimizer, x, y)
    model.eval()
    losses = [loss_fn(model, x, y)[0] for x, y in valid_ds.as_numpy_iterator()]
    print(epoch, sum(losses) / len(losses))
