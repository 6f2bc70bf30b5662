"""Blocks and a stem that the model hands its mode."""
import tensorflow as tf
from tensorflow.keras import layers


class Stem(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.conv = layers.Conv2D(filters, 7, strides=2, use_bias=False)
        self.norm = layers.BatchNormalization()

    def call(self, inputs, training=None):
        return tf.nn.relu(self.norm(self.conv(inputs), training=training))


class Block(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.conv = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.norm = layers.BatchNormalization()

    def call(self, inputs, training=False):
        return tf.nn.relu(self.norm(self.conv(inputs), training=training))


class Classifier(tf.keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.stem = Stem(32)
        self.blocks = [Block(32), Block(64)]
        self.head = layers.Dense(classes)

    def call(self, inputs, training=False):
        x = self.stem(inputs, training=training)
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(tf.reduce_mean(x, [1, 2]))


def train(model, dataset, epochs):
    optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for _ in range(epochs):
        for images, labels in dataset:
            with tf.GradientTape() as tape:
                loss = loss_of(labels, model(images, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


if __name__ == "__main__":
    from birds import dataset

    train(Classifier(200), dataset.shuffle(5000).batch(64), 30)
