import tensorflow as tf
from tensorflow.contrib.layers import batch_norm


def dense_batch_relu(x, units, phase, scope):
    with tf.variable_scope(scope):
        h1 = tf.contrib.layers.fully_connected(x, units, activation_fn=None, biases_initializer=None, scope="dense")
        h2 = batch_norm(h1, center=True, scale=True, decay=0.99, is_training=phase, scope="bn")  # expect: SN204
        return tf.nn.relu(h2, "relu")


def build(x, phase):
    h = dense_batch_relu(x, 100, phase, "layer1")
    h = dense_batch_relu(h, 100, phase, "layer2")
    return tf.contrib.layers.fully_connected(h, 10, activation_fn=None, scope="logits")
