import tensorflow as tf

import inputs


def spectral_norm(w):
    """The largest singular value by power iteration: the vector begins anywhere and is no weight."""
    w = tf.reshape(w, [-1, 64])
    u = tf.get_variable("u", [w.shape[-1], 1], initializer=tf.initializers.random_normal(), trainable=False)
    begun = tf.Variable(tf.random_normal([64, 1]), trainable=False, name="begun")
    v = tf.nn.l2_normalize(tf.matmul(w, u + begun))
    after = tf.nn.l2_normalize(tf.matmul(w, v, transpose_a=True))
    with tf.control_dependencies([u.assign(after)]):
        return tf.matmul(tf.matmul(v, w, transpose_a=True), after)[0, 0]


images, labels = inputs.batches()
kernel = tf.get_variable("kernel", [3, 3, 3, 64], initializer=tf.glorot_uniform_initializer())
h = tf.nn.conv2d(images, kernel / spectral_norm(kernel), [1, 1, 1, 1], "SAME")
h = tf.nn.relu(tf.layers.batch_normalization(h, training=True))
logits = tf.layers.dense(tf.layers.flatten(h), 10)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(1000):
        session.run(train_op)
