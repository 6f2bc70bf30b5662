import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras import layers


class Experiment:
    def __init__(self, model):
        self.model = model
        self.optimizer = tf.keras.optimizers.RMSprop(1e-3)
        self.loss = tf.keras.losses.MeanSquaredError()

    def train_batch(self, x, y):
        with tf.GradientTape() as tape:
            loss = self.loss(y, self.model(x))
        weights = self.model.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))

    def validate(self, data):
        K.set_learning_phase(0)
        losses = [self.loss(y, self.model(x)) for x, y in data]
        return tf.reduce_mean(losses)

    def run(self, train, valid):
        K.set_learning_phase(1)
        for epoch in range(100):
            K.set_learning_phase(1)
            for x, y in train:
                self.train_batch(x, y)
            tf.print("epoch", epoch, self.validate(valid))


def regressor():
    inputs = layers.Input((12,))
    h = layers.Dense(64, use_bias=False)(inputs)
    h = layers.BatchNormalization()(h)
    h = layers.Activation("elu")(h)
    return tf.keras.Model(inputs, layers.Dense(1)(h))


def dataset(name):
    return tf.data.experimental.load(name)


Experiment(regressor()).run(dataset("train").shuffle(1000).batch(32), dataset("valid").batch(32))
