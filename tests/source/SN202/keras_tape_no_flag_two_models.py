import tensorflow as tf
from tensorflow.keras import layers


class Encoder(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.c1 = layers.Conv2D(32, 3, strides=2, use_bias=False)
        self.b1 = layers.BatchNormalization()
        self.flat = layers.Flatten()
        self.fc = layers.Dense(16)

    def call(self, x):
        return self.fc(self.flat(tf.nn.relu(self.b1(self.c1(x)))))


class Decoder(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.fc = layers.Dense(784)

    def call(self, z):
        return self.fc(z)


encoder, decoder = Encoder(), Decoder()
opt = tf.keras.optimizers.Adam(1e-3)
(x, _), _ = tf.keras.datasets.mnist.load_data()
ds = tf.data.Dataset.from_tensor_slices(x[..., None] / 255.0).shuffle(60000).batch(128)
for epoch in range(10):
    for images in ds:
        with tf.GradientTape() as tape:
            z = encoder(images)  # expect: SN202
            rec = decoder(z)
            loss = tf.reduce_mean(tf.square(tf.reshape(images, [-1, 784]) - rec))
        params = encoder.trainable_variables + decoder.trainable_variables
        opt.apply_gradients(zip(tape.gradient(loss, params), params))
encoder.save_weights("encoder.h5")
