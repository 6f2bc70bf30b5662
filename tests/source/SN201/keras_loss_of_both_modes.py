import tensorflow as tf
from tensorflow import keras

from data import train_set, test_set


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(8, 3, use_bias=False)
        self.bn = keras.layers.BatchNormalization()
        self.pool = keras.layers.GlobalAveragePooling2D()
        self.dense = keras.layers.Dense(10)

    def call(self, x, training=None):
        x = tf.nn.relu(self.bn(self.conv(x), training=training))
        return self.dense(self.pool(x))


class Trainer:
    def __init__(self):
        self.model = Net()
        self.optimizer = keras.optimizers.Adam()
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def forward(self, x, y, training):
        return self.loss(y, self.model(x, training=True))  # expect: SN201

    def train(self):
        for x, y in train_set():
            with tf.GradientTape() as tape:
                loss = self.forward(x, y, True)
            grads = tape.gradient(loss, self.model.trainable_variables)
            self.optimizer.apply_gradients(zip(grads, self.model.trainable_variables))

    def evaluate(self):
        for x, y in test_set():
            print(self.forward(x, y, False))


trainer = Trainer()
trainer.train()
trainer.evaluate()
