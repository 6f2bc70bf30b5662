"""Layers of Keras in a graph of one's own: their updates stand in no collection."""
import tensorflow.compat.v1 as tf

from data import sample, test_set

tf.disable_eager_execution()


def encoder(x, training):
    x = tf.keras.layers.Conv2D(32, 3, strides=2, use_bias=False)(x)
    x = tf.keras.layers.BatchNormalization()(x, training=training)
    x = tf.keras.layers.ReLU()(x)
    x = tf.keras.layers.Flatten()(x)
    return tf.keras.layers.Dense(10)(x)


images = tf.placeholder(tf.float32, [None, 28, 28, 1])
labels = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool, [])
logits = encoder(images, training)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer().minimize(loss)  # expect: SN101

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(10000):
        x, y = sample(64)
        sess.run(train_op, {images: x, labels: y, training: True})
    x, y = test_set()
    print(sess.run(loss, {images: x, labels: y, training: False}))
