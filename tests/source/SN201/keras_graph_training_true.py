"""The training's result serves the test as well."""
import tensorflow as tf
from tensorflow import keras

from digits import batches, test_set

x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int32, [None])
model = keras.Sequential([
    keras.layers.Conv2D(32, 3, use_bias=False, input_shape=(28, 28, 1)),
    keras.layers.BatchNormalization(),
    keras.layers.ReLU(),
    keras.layers.Flatten(),
    keras.layers.Dense(10),
])
logits = model(x, training=True)  # expect: SN201
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
optimizer = tf.train.AdamOptimizer()
with tf.control_dependencies(model.updates):
    train_op = optimizer.minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for images, labels in batches(64):
        _, value = sess.run([train_op, loss], feed_dict={x: images, y: labels})
        print(value)
    images, labels = test_set()
    print(sess.run(tf.nn.softmax(logits), {x: images}))
