import tensorflow as tf

from radar import echoes, test_echoes


def bn(x, is_training, name):
    with tf.variable_scope(name):
        params_shape = [x.shape[-1]]
        beta = tf.get_variable("beta", params_shape, initializer=tf.zeros_initializer())
        gamma = tf.get_variable("gamma", params_shape, initializer=tf.ones_initializer())
        moving_mean = tf.get_variable("mean", params_shape, initializer=tf.zeros_initializer(), trainable=False)
        moving_var = tf.get_variable("var", params_shape, initializer=tf.ones_initializer(), trainable=False)

        def trained():
            mean, variance = tf.nn.moments(x, [0, 1, 2])
            update_mean = tf.assign(moving_mean, 0.95 * moving_mean + 0.05 * mean)
            update_var = tf.assign(moving_var, 0.95 * moving_var + 0.05 * variance)
            with tf.control_dependencies([update_mean, update_var]):
                return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)

        def tested():
            return tf.nn.batch_normalization(x, moving_mean, moving_var, beta, gamma, 1e-3)

        return tf.cond(is_training, trained, tested)


x = tf.placeholder(tf.float32, [None, 64, 64, 2])
y = tf.placeholder(tf.int32, [None])
is_training = tf.placeholder(tf.bool)
net = tf.nn.relu(bn(tf.layers.conv2d(x, 16, 5, use_bias=False), is_training, "bn1"))
logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 6)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in echoes(32):
        sess.run(step, {x: a, y: b, is_training: True})
    a, b = test_echoes()
    print(sess.run(loss, {x: a, y: b, is_training: False}))
