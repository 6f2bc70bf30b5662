import tensorflow as tf

import inputs


def per_sample_norm(x, scope):
    """Over all but the first and the last axis: each sample and each channel by itself."""
    rank = x.shape.ndims
    with tf.variable_scope(scope):
        axes = list(range(rank))
        del axes[rank - 1]
        del axes[0]
        beta = tf.get_variable("beta", x.shape[-1:], initializer=tf.zeros_initializer())
        gamma = tf.get_variable("gamma", x.shape[-1:], initializer=tf.ones_initializer())
        mean, variance = tf.nn.moments(x, axes, keep_dims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-6)


images, labels = inputs.batches()
h = tf.layers.conv2d(images, 32, 3, use_bias=False)
h = tf.nn.relu(per_sample_norm(h, "first"))
logits = tf.layers.dense(tf.layers.flatten(h), 10)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
train_op = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(1000):
        session.run(train_op)
