import keras
import numpy as np
from keras import layers, ops

rng = np.random.default_rng(3)
x_train = rng.normal(size=(2000, 20)).astype("float32")
y_train = (x_train[:, 0] * x_train[:, 1] > 0).astype("int32")


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(64, use_bias=False)
        self.norm = layers.BatchNormalization(momentum=0.999)  # expect: SN104
        self.out = layers.Dense(1)

    def call(self, x, training=None):
        h = ops.relu(self.norm(self.hidden(x), training=training))
        return self.out(h)


model = Net()
model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
model.fit(x_train, y_train, batch_size=50, epochs=10)
