import tensorflow as tf


class Autoencoder(tf.keras.Model):
    def __init__(self, code):
        super().__init__()
        self.encode = tf.keras.layers.Dense(code, use_bias=False)
        self.norm = tf.keras.layers.BatchNormalization()  # expect: SN502
        self.decode = tf.keras.layers.Dense(784)

    def call(self, x, training=None):
        code = self.norm(self.encode(x), training=training)
        return self.decode(tf.sigmoid(code))


(x, _), _ = tf.keras.datasets.mnist.load_data()
x = x.reshape(-1, 784).astype("float32") / 255.0
model = Autoencoder(32)
model.compile("adam", "mse")
model.fit(x, x, batch_size=256, epochs=20)
