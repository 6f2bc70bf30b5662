import keras

KERNEL = keras.initializers.TruncatedNormal(mean=0.0, stddev=0.02)


class Policy(keras.Model):
    def __init__(self, actions):
        super().__init__()
        self.hidden = keras.layers.Dense(64, use_bias=False, kernel_initializer=KERNEL)
        self.norm = keras.layers.BatchNormalization()
        self.out = keras.layers.Dense(actions)

    def call(self, state, training=False):
        return self.out(keras.ops.relu(self.norm(self.hidden(state), training=training)))


policy = Policy(4)
