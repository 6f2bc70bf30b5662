"""One function for both, with the averages fetched in either."""
import tensorflow as tf

from mnistdata import read_data_sets

data = read_data_sets("data", one_hot=True, reshape=False)

X = tf.placeholder(tf.float32, [None, 28, 28, 1])
Y_ = tf.placeholder(tf.float32, [None, 10])
tst = tf.placeholder(tf.bool)
iteration = tf.placeholder(tf.int32)


def batchnorm(Ylogits, is_test, offset):
    exp_moving_avg = tf.train.ExponentialMovingAverage(0.999, iteration)
    mean, variance = tf.nn.moments(Ylogits, [0, 1, 2])
    update_moving_averages = exp_moving_avg.apply([mean, variance])
    m = tf.cond(is_test, lambda: exp_moving_avg.average(mean), lambda: mean)
    v = tf.cond(is_test, lambda: exp_moving_avg.average(variance), lambda: variance)
    return tf.nn.batch_normalization(Ylogits, m, v, offset, None, 1e-5), update_moving_averages


W1 = tf.Variable(tf.truncated_normal([6, 6, 1, 24], stddev=0.1))
B1 = tf.Variable(tf.constant(0.1, tf.float32, [24]))
Y1, update_ema = batchnorm(tf.nn.conv2d(X, W1, strides=[1, 2, 2, 1], padding="SAME"), tst, B1)
Ylogits = tf.layers.dense(tf.layers.flatten(tf.nn.relu(Y1)), 10)
cross_entropy = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=Ylogits, labels=Y_))
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(Ylogits, 1), tf.argmax(Y_, 1)), tf.float32))
train_step = tf.train.AdamOptimizer(0.003).minimize(cross_entropy)

sess = tf.Session()
sess.run(tf.global_variables_initializer())


def training_step(i, update_test_data):
    batch_X, batch_Y = data.train.next_batch(100)
    if update_test_data:
        a, c, _ = sess.run(  # expect: SN107
            [accuracy, cross_entropy, update_ema],
            {X: data.test.images, Y_: data.test.labels, tst: True, iteration: i},
        )
        print(i, "test accuracy", a, "test loss", c)
    sess.run(train_step, {X: batch_X, Y_: batch_Y, tst: False, iteration: i})
    sess.run(update_ema, {X: batch_X, Y_: batch_Y, tst: False, iteration: i})


for i in range(10000 + 1):
    training_step(i, i % 100 == 0)
