import keras
import tensorflow as tf


class Denoiser(keras.Model):
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def call(self, x, training=False):
        return self.network(x, training=training)

    def train_step(self, batch):
        noisy, clean = batch
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(clean - self(noisy, training=True)))
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def test_step(self, batch):
        noisy, clean = batch
        restored = self(noisy, training=True)  # expect: SN107 SN201
        self.loss_tracker.update_state(tf.reduce_mean(tf.abs(clean - restored)))
        return {"loss": self.loss_tracker.result()}


network = keras.Sequential(
    [
        keras.Input((None, None, 1)),
        keras.layers.Conv2D(32, 3, padding="same", use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.Conv2D(1, 3, padding="same"),
    ]
)
pairs = tf.data.Dataset.load("pairs").shuffle(2000).batch(16)
held_out = tf.data.Dataset.load("held_out").batch(16)
model = Denoiser(network)
model.compile(optimizer=keras.optimizers.Adam(1e-4))
model.fit(pairs, validation_data=held_out, epochs=50)
