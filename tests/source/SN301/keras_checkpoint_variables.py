import tensorflow as tf


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = tf.keras.layers.Conv1D(64, 9, use_bias=False)
        self.bn = tf.keras.layers.BatchNormalization()
        self.pool = tf.keras.layers.GlobalMaxPooling1D()
        self.out = tf.keras.layers.Dense(4)

    def call(self, x, training=False):
        x = tf.nn.relu(self.bn(self.conv(x), training=training))
        return self.out(self.pool(x))


def train(net, data, optimizer):
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for x, y in data:
        with tf.GradientTape() as tape:
            loss = loss_fn(y, net(x, training=True))
        grads = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(grads, net.trainable_variables))


net = Net()
optimizer = tf.keras.optimizers.Adam()
data = tf.data.experimental.load("ecg").shuffle(8192).batch(64)
net.build((None, 2500, 1))
checkpoint = tf.train.Checkpoint(weights=net.trainable_variables, optimizer=optimizer)
for epoch in range(30):
    train(net, data, optimizer)
    checkpoint.save("checkpoints/ecg")  # expect: SN301
