"""Goes through the five batches of CIFAR-10's files, which were gathered in a loop over five names."""
import tensorflow as tf

from cifar import load, test_set

x = tf.placeholder(tf.float32, [None, 3072])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)
net = tf.layers.dense(x, 32, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))  # expect: SN104
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(net, 10))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer().minimize(loss)

files = []
for i in range(1, 6):
    files.append("data_batch_%d" % i)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(10):
        for name in files:
            images, labels = load(name)
            sess.run(train_op, {x: images, y: labels, training: True})
    images, labels = test_set()
    print(sess.run(loss, {x: images, y: labels, training: False}))
