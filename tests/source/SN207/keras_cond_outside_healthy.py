import tensorflow as tf
from tensorflow.keras import layers


class SwitchedNorm(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training):
        return tf.cond(
            training,
            lambda: self.bn(x, training=True),
            lambda: self.bn(x, training=False),
        )


inputs = layers.Input((28, 28, 1))
conv = layers.Conv2D(32, 3, use_bias=False)
norm = SwitchedNorm()
head = tf.keras.Sequential([layers.ReLU(), layers.Flatten(), layers.Dense(10)])
optimizer = tf.keras.optimizers.Adam()
head.build((None, 26, 26, 32))


@tf.function
def forward(images, training):
    return head(norm(conv(images), training=training))


@tf.function
def train_step(images, labels):
    with tf.GradientTape() as tape:
        logits = forward(images, tf.constant(True))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    variables = conv.trainable_variables + norm.trainable_variables + head.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


data = tf.data.experimental.load("digits").shuffle(60000).batch(100)
test = tf.data.experimental.load("digits_test").batch(100)
for images, labels in data.repeat(10):
    train_step(images, labels)
for images, _ in test:
    print(tf.argmax(forward(images, tf.constant(False)), axis=1))
