import keras


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = keras.layers.Dense(32, use_bias=False)
        self.n = keras.layers.BatchNormalization()
        self.o = keras.layers.Dense(1)

    def call(self, x, training=False):
        return self.o(keras.ops.relu(self.n(self.d(x), training=False)))  # expect: SN202


def main(loader):
    m = Net()
    m.compile(optimizer='adam', loss='mse')
    m.fit(loader, epochs=2)
