import optax
import tensorflow as tf
from flax import nnx


class CNN(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs):
        self.conv = nnx.Conv(1, 32, kernel_size=(3, 3), use_bias=False, rngs=rngs)
        self.bn = nnx.BatchNorm(32, rngs=rngs)
        self.fc = nnx.Linear(32, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.bn(self.conv(x)))
        return self.fc(x.mean((1, 2)))


def loss_fn(model, batch):
    logits = model(batch["image"])
    return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean(), logits


@nnx.jit
def train_step(model, optimizer, batch):
    (loss, logits), grads = nnx.value_and_grad(loss_fn, has_aux=True)(model, batch)
    optimizer.update(grads)


@nnx.jit
def eval_step(model, metrics, batch):
    model.eval()
    loss, logits = loss_fn(model, batch)
    model.train()
    metrics.update(logits=logits, labels=batch["label"])


model = CNN(rngs=nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
metrics = nnx.MultiMetric(accuracy=nnx.metrics.Accuracy())
train_ds = tf.data.Dataset.load("train").shuffle(60000).batch(128)
test_ds = tf.data.Dataset.load("test").batch(128)

for epoch in range(10):
    for batch in train_ds.as_numpy_iterator():
        train_step(model, optimizer, batch)
    for batch in test_ds.as_numpy_iterator():
        eval_step(model, metrics, batch)
    print(epoch, metrics.compute())
    metrics.reset()
