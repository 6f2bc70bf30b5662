import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
from keras import layers


class ConvNet(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.conv = layers.Conv2D(32, 3, use_bias=False)
        self.norm = layers.BatchNormalization()
        self.act = layers.ReLU()
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(classes)

    def call(self, inputs, training=None):
        x = self.conv(inputs)
        x = self.norm(x, training=training)
        x = self.act(x)
        return self.head(self.pool(x))


def main():
    (x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
    model = ConvNet(10)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x_train / 255.0, y_train, batch_size=128, epochs=20, validation_split=0.1)
    print(model.evaluate(x_test / 255.0, y_test))


main()
