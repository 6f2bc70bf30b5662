from tensorflow.keras import Model, layers
import tensorflow as tf


class MyModel(Model):
    def __init__(self):
        super(MyModel, self).__init__()
        self.conv1 = layers.Conv2D(32, 3, use_bias=False)
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(64, 3, use_bias=False)
        self.bn2 = layers.BatchNormalization()
        self.flatten = layers.Flatten()
        self.d2 = layers.Dense(10)

    def call(self, x):
        x = tf.nn.relu(self.bn1(self.conv1(x)))  # expect: SN205 likely
        x = tf.nn.relu(self.bn2(self.conv2(x)))
        return self.d2(self.flatten(x))


model = MyModel()
model.compile(
    optimizer="adam", loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
(x_train, y_train), (x_test, y_test) = tf.keras.datasets.fashion_mnist.load_data()
model.fit(x_train[..., None] / 255.0, y_train, epochs=5, validation_data=(x_test[..., None] / 255.0, y_test))
