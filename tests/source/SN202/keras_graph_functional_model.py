"""The flag is fed, and the call of the model takes another one."""
import tensorflow as tf
from tensorflow import keras

from digits import batches


def classifier(training=None):
    inputs = keras.Input((28, 28, 1))
    h = keras.layers.Conv2D(32, 3, use_bias=False)(inputs)
    h = keras.layers.BatchNormalization()(h, training=training)
    h = keras.layers.Flatten()(keras.layers.ReLU()(h))
    return keras.Model(inputs, keras.layers.Dense(10)(h))


x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int32, [None])
model = classifier()
logits = model(x, training=False)  # expect: SN202
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
optimizer = tf.train.AdamOptimizer()
with tf.control_dependencies(model.updates):
    train_op = optimizer.minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for images, labels in batches(64):
        _, value = sess.run([train_op, loss], feed_dict={x: images, y: labels})
        print(value)
    model.save_weights("digits.h5")
