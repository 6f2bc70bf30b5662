import tensorflow as tf
from tensorflow.keras import layers


class BatchNorm(layers.Layer):
    def __init__(self, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        depth = input_shape[-1]
        self.gamma = self.add_weight(name="gamma", shape=(depth,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(depth,), initializer="zeros")

    def call(self, x):
        mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
        return tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self.epsilon)  # expect: SN106


def build():
    return tf.keras.Sequential(
        [
            layers.Conv2D(32, 3, use_bias=False, input_shape=(32, 32, 3)),
            BatchNorm(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


if __name__ == "__main__":
    (x, y), (x_test, y_test) = tf.keras.datasets.cifar10.load_data()
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x / 255.0, y, batch_size=128, epochs=20)
    print(model.evaluate(x_test / 255.0, y_test))
