import keras
from keras import layers, ops


class Block(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.conv = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.bn = layers.BatchNormalization()

    def call(self, x, is_training):
        x = self.conv(x)
        return ops.relu(self.bn(x, training=is_training))


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block(32)
        self.pool = layers.GlobalAveragePooling2D()
        self.fc = layers.Dense(10)

    def call(self, x, training=False):
        return self.fc(self.pool(self.block(x, is_training=training)))


(x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
model = Net()
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.fit(x[..., None] / 255.0, y, batch_size=64, epochs=10)
print(model.evaluate(x_test[..., None] / 255.0, y_test))
