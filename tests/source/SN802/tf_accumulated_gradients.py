import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("data")
x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
net = tf.layers.dense(x, 256, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(net, 10))

optimizer = tf.train.AdamOptimizer()
variables = tf.trainable_variables()
accumulated = [tf.Variable(tf.zeros_like(v.initialized_value()), trainable=False) for v in variables]
zero_ops = [a.assign(tf.zeros_like(a)) for a in accumulated]
gradients = optimizer.compute_gradients(loss, variables)
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    accumulate_ops = [a.assign_add(g) for a, (g, _) in zip(accumulated, gradients)]
train_step = optimizer.apply_gradients([(a / 8, v) for a, v in zip(accumulated, variables)])

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(5000):
        sess.run(zero_ops)
        for _ in range(8):
            images, labels = mnist.train.next_batch(16)  # expect: SN802
            sess.run(accumulate_ops, {x: images, y: labels, training: True})
        sess.run(train_step)
    print(sess.run(loss, {x: mnist.test.images, y: mnist.test.labels, training: False}))
