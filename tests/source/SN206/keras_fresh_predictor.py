"""Train, then answer queries with a second network."""

import tensorflow as tf


class Network(tf.keras.Model):
    def __init__(self, width=64):
        super().__init__()
        self.hidden = tf.keras.layers.Dense(width, use_bias=False)
        self.norm = tf.keras.layers.BatchNormalization()
        self.answer = tf.keras.layers.Dense(1)

    def call(self, x, training=False):
        h = tf.nn.relu(self.norm(self.hidden(x), training=training))
        return self.answer(h)


def train(dataset):
    net = Network()
    optimizer = tf.keras.optimizers.Adam()
    for x, y in dataset:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(net(x, training=True) - y))
        variables = net.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return net


def predictor():
    net = Network()  # expect: SN206
    return net


if __name__ == "__main__":
    train(tf.data.experimental.load("rows").shuffle(1000).repeat(100).batch(32))
    queries = tf.data.experimental.load("queries").batch(32)
    net = predictor()
    for x in queries:
        print(net(x, training=False).numpy())
