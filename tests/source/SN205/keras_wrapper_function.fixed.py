import tensorflow as tf
from tensorflow.keras import layers


def make_net():
    return tf.keras.Sequential(
        [
            layers.Dense(100, use_bias=False, input_shape=(30,)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(2),
        ]
    )


net = make_net()
optimizer = tf.keras.optimizers.Adam()


def forward(x, training=False):
    x = tf.cast(x, tf.float32) / 10.0
    return net(x, training=training)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = forward(x, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
    return loss


data = tf.data.experimental.load("tabular").shuffle(10000).batch(256)
for epoch in range(20):
    for x, y in data:
        loss = train_step(x, y)
    print(epoch, float(loss))
