import tensorflow as tf
from tensorflow.keras import layers


class Segmenter(tf.keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.down = layers.Conv2D(32, 3, padding="same", activation="relu")
        self.score = layers.Conv2D(classes, 1, use_bias=False)
        self.norm = layers.BatchNormalization()  # expect: SN503

    def call(self, x, training=None):
        x = self.down(x)
        return self.norm(self.score(x), training=training)


if __name__ == "__main__":
    model = Segmenter(21)
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tf.keras.optimizers.Adam()
    for images, masks in tf.data.experimental.load("voc").shuffle(1500).repeat(50).batch(16):
        with tf.GradientTape() as tape:
            loss = loss_fn(masks, model(images, training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
