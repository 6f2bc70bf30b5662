import argparse
import pickle

import flax.linen as nn
import tensorflow as tf
from jax.experimental import jax2tf


class Detector(nn.Module):
    @nn.compact
    def __call__(self, x, train=True):
        x = nn.Conv(64, (5, 5), strides=2, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Conv(6, (1, 1))(nn.relu(x))


def convert(variables, folder):
    def run(images):
        boxes, _ = Detector().apply(variables, images, mutable=["batch_stats"])
        return boxes

    module = tf.Module()
    module.f = tf.function(
        jax2tf.convert(run),  # expect: SN209
        autograph=False,
        input_signature=[tf.TensorSpec([1, 512, 512, 3])],
    )
    tf.saved_model.save(module, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("variables")
    parser.add_argument("folder")
    args = parser.parse_args()
    with open(args.variables, "rb") as file:
        convert(pickle.load(file), args.folder)
