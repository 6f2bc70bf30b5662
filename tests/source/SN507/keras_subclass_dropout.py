import tensorflow as tf


class Head(tf.keras.layers.Layer):
    def __init__(self, classes, rate=0.3):
        super().__init__()
        self.hidden = tf.keras.layers.Dense(256, activation="relu")
        self.drop = tf.keras.layers.Dropout(rate)
        self.norm = tf.keras.layers.BatchNormalization()  # expect: SN507
        self.out = tf.keras.layers.Dense(classes)

    def call(self, x, training=None):
        x = self.hidden(x)
        x = self.drop(x, training=training)
        x = self.norm(x, training=training)
        return self.out(x)


inputs = tf.keras.Input((2048,))
model = tf.keras.Model(inputs, Head(50)(inputs))
model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(tf.data.experimental.load("features").shuffle(20000).batch(256), epochs=20)
