"""Goes through batches that were gathered in loops before: how many there are is not written in one place."""
import numpy as np
import tensorflow as tf

from digits import load, test_set

BATCH = 64


def shuffled(count):
    order = np.random.permutation(count)
    batches = []
    start = 0
    while start < count:
        batches.append(order[start:start + BATCH])
        start += BATCH
    return batches


x = tf.placeholder(tf.float32, [None, 64])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)
net = tf.layers.dense(x, 32, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(net, 10))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer().minimize(loss)

images, labels = load()
warm_up = []
for i in range(200):
    warm_up += [(images[i::200], labels[i::200])]
rest = []
for i in range(200):
    rest = rest + [i]

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for number, (some, theirs) in enumerate(warm_up):
        sess.run(train_op, {x: some, y: theirs, training: True})
        if number == 100:
            print("half of the warm-up")
    for i in [each for each in rest]:
        sess.run(train_op, {x: images[i::200], y: labels[i::200], training: True})
    for some in list(shuffled(len(images))):
        sess.run(train_op, {x: images[some], y: labels[some], training: True})
    some, theirs = test_set()
    print(sess.run(loss, {x: some, y: theirs, training: False}))
