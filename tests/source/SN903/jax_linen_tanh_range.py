import flax.linen as nn
import jax
import optax
import tensorflow as tf
import tensorflow_datasets as tfds
from flax.training import train_state


class State(train_state.TrainState):
    batch_stats: dict


class Denoiser(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool = True):
        x = nn.Conv(32, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.Conv(3, (3, 3))(nn.relu(x))
        return jax.nn.tanh(x)


def preprocess(example):
    image = tf.cast(example["image"], tf.float32) / 255.0
    return image + tf.random.normal(tf.shape(image), stddev=0.1), image


@jax.jit
def step(state, noisy, clean):
    def loss_fn(params):
        out, new = state.apply_fn({"params": params, "batch_stats": state.batch_stats}, noisy, mutable=["batch_stats"])
        return abs(out - clean).mean(), new["batch_stats"]  # expect: SN903

    grads, stats = jax.grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=stats)


ds = tfds.load("cifar10", split="train", shuffle_files=True).map(preprocess).shuffle(50000).batch(64)
net = Denoiser()
variables = net.init(jax.random.PRNGKey(0), jax.numpy.ones((1, 32, 32, 3)))
state = State.create(apply_fn=net.apply, tx=optax.adam(1e-3), **variables)
for epoch in range(20):
    for noisy, clean in tfds.as_numpy(ds):
        state = step(state, noisy, clean)
