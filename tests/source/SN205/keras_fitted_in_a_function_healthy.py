import keras
from keras import layers, ops



class ConvNorm(layers.Layer):
    def __init__(self, f, k=3, **kw):
        super().__init__(**kw)
        self.c = layers.Conv2D(f, k, use_bias=False)
        self.n = layers.BatchNormalization()

    def call(self, x, training=None):
        return ops.relu(self.n(self.c(x), training=training))


class Encoder(keras.Model):
    def __init__(self, widths=(16, 32)):
        super().__init__()
        self.seq = keras.Sequential([ConvNorm(w) for w in widths])
        self.fc = layers.Dense(2)

    def call(self, inputs, training=None):
        x, _ = inputs
        return self.fc(ops.mean(self.seq(x, training=training), (1, 2)))





def main(gen):
    e = Encoder()
    e.compile('adam', 'mse')
    e.fit(gen, epochs=2)
