import tensorflow as tf


class Net(tf.keras.Model):
    def __init__(self, is_training):
        super().__init__()
        self.is_training = is_training
        self.dense = tf.keras.layers.Dense(64, use_bias=False)
        self.bn = tf.keras.layers.BatchNormalization()
        self.out = tf.keras.layers.Dense(3)

    def call(self, x):
        return self.out(tf.nn.relu(self.bn(self.dense(x), training=self.is_training)))


net = Net(is_training=True)
net.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
data = tf.data.experimental.load("d").shuffle(1000).batch(32)
net.fit(data, epochs=10)
net.save_weights("net.h5")
test_net = Net(is_training=False)
test_net.load_weights("net.h5")
print(test_net.predict(tf.data.experimental.load("t").batch(32)))
