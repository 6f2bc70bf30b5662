"""`if` asks whether the tensor exists, not what it holds."""
import tensorflow as tf

from video import next_batch, test_batch


def bn(x, is_training, scope):
    if is_training:
        return tf.contrib.layers.batch_norm(x, 0.9, is_training=True, updates_collections=None, scope=scope)  # expect: SN201
    return tf.contrib.layers.batch_norm(x, 0.9, is_training=False, reuse=True, scope=scope)


frames = tf.placeholder(tf.float32, [None, 16, 56, 56, 3])
actions = tf.placeholder(tf.int32, [None])
is_training = tf.placeholder(tf.bool)

net = tf.layers.conv3d(frames, 32, 3, strides=2, use_bias=False)
net = tf.nn.relu(bn(net, is_training, "bn1"))
logits = tf.layers.dense(tf.reduce_mean(net, [1, 2, 3]), 12)
loss = tf.losses.sparse_softmax_cross_entropy(actions, logits)
step = tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(10000):
        x, y = next_batch(16)
        sess.run(step, {frames: x, actions: y, is_training: True})
        if i % 100 == 0:
            x, y = test_batch()
            print(sess.run(loss, {frames: x, actions: y, is_training: False}))
