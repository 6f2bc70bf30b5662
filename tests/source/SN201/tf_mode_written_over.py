import tensorflow as tf

from scans import batches, held_out


def normalized(x, training):
    training = True
    x = tf.layers.batch_normalization(x, training=training, momentum=0.9)  # expect: SN201
    return tf.nn.relu(x)


def network(x, training=True):
    x = tf.layers.conv2d(x, 32, 3, 2, "same", use_bias=False)
    return tf.layers.dense(tf.layers.flatten(normalized(x, training)), 4)


x = tf.placeholder(tf.float32, [None, 64, 64, 1])
y = tf.placeholder(tf.int64, [None])
logits = network(x)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
right = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), y), tf.float32))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(40):
        for a, b in batches(64):
            sess.run(step, {x: a, y: b})
        print([sess.run(right, {x: a, y: b}) for a, b in held_out(64)])
