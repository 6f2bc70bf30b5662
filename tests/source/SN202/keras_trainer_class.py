"""A trainer that takes any network; the loss closure forgets the mode."""

import tensorflow as tf

from datasets import load_train


class Trainer:
    def __init__(self, net, learning_rate):
        self.net = net
        self.optimizer = tf.keras.optimizers.SGD(learning_rate, momentum=0.9)

    def loss(self, x, y):
        logits = self.net(x)  # expect: SN202
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))

    def step(self, x, y):
        with tf.GradientTape() as tape:
            loss = self.loss(x, y)
        variables = self.net.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss


def network(classes):
    image = tf.keras.Input([224, 224, 3])
    x = tf.keras.applications.ResNet50(include_top=False, weights=None, pooling="avg")(image)
    return tf.keras.Model(image, tf.keras.layers.Dense(classes)(x))


if __name__ == "__main__":
    trainer = Trainer(network(17), 0.01)
    for epoch in range(30):
        for x, y in load_train(batch_size=32):
            loss = trainer.step(x, y)
        tf.print(epoch, loss)
