import tensorflow as tf
from sklearn.model_selection import train_test_split

from wine import features, quality

x_train, x_test, y_train, y_test = train_test_split(features(), quality(), test_size=0.2)

x = tf.placeholder(tf.float32, [None, 11])
y = tf.placeholder(tf.float32, [None, 1])
phase = tf.placeholder(tf.bool)

h = tf.layers.dense(x, 64, use_bias=False)
h = tf.layers.batch_normalization(h, training=phase, momentum=0.9)
h = tf.nn.relu(h)
out = tf.layers.dense(h, 1)
loss = tf.losses.mean_squared_error(y, out)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer(0.01).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(500):
        sess.run(train_op, {x: x_train, y: y_train, phase: True})
    print("test error", sess.run(loss, {x: x_test, y: y_test, phase: False}))
