import keras
import tensorflow as tf


class ContrastiveModel(keras.Model):
    def __init__(self, encoder, temperature=0.1):
        super().__init__()
        self.encoder = encoder
        self.temperature = temperature

    def call(self, x, training=None):
        return self.encoder(x, training=training)

    def train_step(self, data):
        first, second = data
        with tf.GradientTape() as tape:
            both = tf.concat([first, second], axis=0)
            z = tf.math.l2_normalize(self(both, training=True), axis=1)
            similarity = tf.matmul(z, z, transpose_b=True) / self.temperature
            loss = tf.reduce_mean(tf.reduce_logsumexp(similarity, axis=1) - tf.linalg.diag_part(similarity))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}


def encoder():
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(64, 3, strides=2, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(128),
        ]
    )


pairs = tf.data.Dataset.load("augmented_pairs").shuffle(5000).batch(256)
model = ContrastiveModel(encoder())
model.compile(optimizer=keras.optimizers.Adam())
model.fit(pairs, epochs=200)
