import tensorflow as tf

from spectra import batches, held_out


def normalized(x, training):
    width = x.get_shape().as_list()[-1]
    beta = tf.Variable(tf.zeros([width]))
    gamma = tf.Variable(tf.ones([width]))
    mean, variance = tf.nn.moments(x, [0])
    averages = tf.train.ExponentialMovingAverage(0.95)

    def of_the_batch():
        with tf.control_dependencies([averages.apply([mean, variance])]):
            return tf.identity(mean), tf.identity(variance)

    def of_the_population():
        return averages.average(mean), averages.average(variance)

    chosen = tf.cond(training, of_the_batch, of_the_population)
    return tf.nn.batch_normalization(x, chosen[0], chosen[1], beta, gamma, 1e-3)


x = tf.placeholder(tf.float32, [None, 400])
y = tf.placeholder(tf.float32, [None, 1])
training = tf.placeholder(tf.bool)
net = tf.nn.relu(normalized(tf.layers.dense(x, 200, use_bias=False), training))
loss = tf.losses.mean_squared_error(y, tf.layers.dense(net, 1))
step = tf.train.AdamOptimizer(1e-3).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(50):
        for a, b in batches(128):
            sess.run(step, feed_dict={x: a, y: b, training: True})
        for a, b in held_out(128):
            validation_loss = loss.eval(feed_dict={x: a, y: b, training: False})
            print(epoch, validation_loss)
