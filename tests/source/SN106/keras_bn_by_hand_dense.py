import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras.layers import Activation, Dense, Layer
from tensorflow.keras.models import Sequential


class MyBatchNorm(Layer):
    def __init__(self, eps=1e-5, **kwargs):
        self.eps = eps
        super(MyBatchNorm, self).__init__(**kwargs)

    def build(self, input_shape):
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="ones", trainable=True)
        self.beta = self.add_weight(name="beta", shape=(input_shape[-1],), initializer="zeros", trainable=True)
        super(MyBatchNorm, self).build(input_shape)

    def call(self, x):
        mean = K.mean(x, axis=0)
        std = K.std(x, axis=0)
        return self.gamma * (x - mean) / (std + self.eps) + self.beta  # expect: SN106


model = Sequential([Dense(64, use_bias=False, input_shape=(20,)), MyBatchNorm(), Activation("relu"), Dense(1)])
model.compile("adam", "mse")
model.fit(tf.data.experimental.load("d").shuffle(100).batch(32), epochs=10)
