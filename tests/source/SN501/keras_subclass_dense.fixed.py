import tensorflow as tf


class MLP(tf.keras.Model):
    def __init__(self, width=512, **kwargs):
        super().__init__(**kwargs)
        self.fc1 = tf.keras.layers.Dense(width, use_bias=False)
        self.bn1 = tf.keras.layers.BatchNormalization()
        self.fc2 = tf.keras.layers.Dense(width, use_bias=True)
        self.fc3 = tf.keras.layers.Dense(1)

    def call(self, inputs, training=False):
        x = self.fc1(inputs)
        x = self.bn1(x, training=training)
        x = tf.nn.relu(x)
        x = tf.nn.relu(self.fc2(x))
        return self.fc3(x)


if __name__ == "__main__":
    model = MLP()
    model.compile("adam", "mse")
    model.fit(tf.data.experimental.load("wine").shuffle(5000).batch(64), epochs=200)
