from keras.layers import *
from keras import ops


class BatchNormalization(Layer):
    """By the convention of PyTorch, whose momentum is the weight of the new value."""

    def __init__(self, momentum=0.1, **options):
        super().__init__(**options)
        self.momentum = momentum

    def call(self, inputs):
        return inputs / ops.sqrt(ops.mean(ops.square(inputs), axis=-1, keepdims=True) + self.momentum)
