import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import tensorflow as tf
import keras


class Trainer:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer
        self.optimizer.build(model.trainable_variables)
        self.loss = keras.losses.BinaryCrossentropy(from_logits=True)
        self.grad_fn = jax.value_and_grad(self.loss_and_updates, has_aux=True)

    def loss_and_updates(self, tv, ntv, x, y):
        y_pred, ntv = self.model.stateless_call(tv, ntv, x, training=True)
        return self.loss(y, y_pred), ntv

    def step(self, tv, ntv, ov, x, y):
        (loss, ntv), grads = self.grad_fn(tv, ntv, x, y)
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        return loss, tv, ntv, ov

    def fit(self, dataset, epochs):
        tv = self.model.trainable_variables
        ntv = self.model.non_trainable_variables
        ov = self.optimizer.variables
        for _ in range(epochs):
            for x, y in dataset:
                loss, tv, ntv, ov = self.step(tv, ntv, ov, x.numpy(), y.numpy())
        for variable, value in zip(self.model.trainable_variables, tv):
            variable.assign(value)
        for variable, value in zip(self.model.non_trainable_variables, ntv):
            variable.assign(value)


model = keras.Sequential(
    [
        keras.Input((16,)),
        keras.layers.Dense(64, use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.Dense(1),
    ]
)
data = tf.data.Dataset.load("train_data").shuffle(10_000).batch(64)
Trainer(model, keras.optimizers.SGD(0.05)).fit(data, epochs=10)
model.save("classifier.keras")
