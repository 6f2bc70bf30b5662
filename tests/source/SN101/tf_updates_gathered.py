"""The averages themselves are gathered in the place of the operations that move them."""
import tensorflow as tf

from digits import batches, test_set

x = tf.placeholder(tf.float32, [None, 64])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)


def block(h, units, name):
    with tf.variable_scope(name):
        h = tf.layers.dense(h, units, use_bias=False)
        return tf.nn.relu(tf.layers.batch_normalization(h, training=training))


def moving(scope):
    return [v for v in tf.global_variables(scope) if "moving" in v.name]


h = x
updates = []
for number in range(12):
    h = block(h, 32, "block%d" % number)
    updates += moving("block%d" % number)
h = block(h, 16, "neck")
updates += [v for v in tf.global_variables("neck") if "moving" in v.name]
h = block(h, 16, "head")
updates.extend(v for v in tf.global_variables("head") if "moving" in v.name)
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(h, 10))
with tf.control_dependencies(updates):
    train_op = tf.train.AdamOptimizer().minimize(loss)  # expect: SN101

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(20):
        for images, labels in batches(64):
            sess.run(train_op, {x: images, y: labels, training: True})
    images, labels = test_set()
    print(sess.run(loss, {x: images, y: labels, training: False}))
