import tensorflow as tf


class Norm(tf.keras.layers.Layer):
    """Batch normalization under a tensor for the mode."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = tf.keras.layers.BatchNormalization(momentum=0.99)

    def call(self, inputs, flag):
        if flag:
            return self.norm(inputs, training=True)
        return self.norm(inputs, training=False)


class Model(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.a = tf.keras.layers.Dense(50, use_bias=False)
        self.n = Norm()
        self.b = tf.keras.layers.Dense(1)

    def call(self, x, training=False):
        return self.b(tf.nn.relu(self.n(self.a(x), flag=training)))


model = Model()
optimizer = tf.keras.optimizers.Adam()
rows = tf.data.experimental.load("rows").shuffle(2048).batch(64)
held_out = tf.data.experimental.load("held_out").batch(64)
for epoch in range(15):
    for x, y in rows:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    print(sum(tf.reduce_mean(tf.square(model(x, training=False) - y)) for x, y in held_out))
