"""`trainable=` says whether gamma and beta are trained, not in which mode the layer is."""
import tensorflow as tf

from sim import Replay

is_train = tf.placeholder(tf.bool, name="is_train")
state = tf.placeholder(tf.float32, [None, 17])
target = tf.placeholder(tf.float32, [None, 1])

with tf.variable_scope("critic"):
    net = tf.layers.dense(state, 400, use_bias=False)
    net = tf.layers.batch_normalization(net, trainable=True, training=is_train)  # expect: SN202
    net = tf.nn.relu(net)
    net = tf.layers.dense(net, 300, activation=tf.nn.relu)
    value = tf.layers.dense(net, 1)

loss = tf.losses.mean_squared_error(target, value)
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)

replay = Replay(100000)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(50000):
        states, targets = replay.sample(64)
        sess.run(train_op, {state: states, target: targets, is_train: True})
    print(sess.run(value, {state: replay.test_states(), is_train: False}))
