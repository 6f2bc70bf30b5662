import tensorflow as tf
import provider


def batch_norm_template(inputs, is_training, scope, moments_dims, bn_decay):
    with tf.variable_scope(scope) as sc:
        num_channels = inputs.get_shape()[-1].value
        beta = tf.Variable(tf.constant(0.0, shape=[num_channels]), name="beta", trainable=True)
        gamma = tf.Variable(tf.constant(1.0, shape=[num_channels]), name="gamma", trainable=True)
        batch_mean, batch_var = tf.nn.moments(inputs, moments_dims, name="moments")
        decay = bn_decay if bn_decay is not None else 0.9
        ema = tf.train.ExponentialMovingAverage(decay=decay)
        ema_apply_op = tf.cond(is_training, lambda: ema.apply([batch_mean, batch_var]), lambda: tf.no_op())

        def mean_var_with_update():
            with tf.control_dependencies([ema_apply_op]):
                return tf.identity(batch_mean), tf.identity(batch_var)

        mean, var = tf.cond(
            is_training, mean_var_with_update, lambda: (ema.average(batch_mean), ema.average(batch_var))
        )
        normed = tf.nn.batch_normalization(inputs, mean, var, beta, gamma, 1e-3)
    return normed


def conv2d(inputs, n, scope, bn=False, bn_decay=None, is_training=None):
    with tf.variable_scope(scope) as sc:
        kernel = tf.get_variable(
            "weights", [1, 1, inputs.get_shape()[-1].value, n], initializer=tf.contrib.layers.xavier_initializer()
        )
        outputs = tf.nn.conv2d(inputs, kernel, [1, 1, 1, 1], padding="VALID")
        if bn:
            outputs = batch_norm_template(outputs, is_training, "bn", [0, 1, 2], bn_decay)
        return tf.nn.relu(outputs)


def train():
    with tf.Graph().as_default():
        pc = tf.placeholder(tf.float32, shape=(32, 1024, 1, 3))
        lab = tf.placeholder(tf.int32, shape=(32))
        is_training_pl = tf.placeholder(tf.bool, shape=())
        batch = tf.Variable(0)
        bn_momentum = tf.train.exponential_decay(0.5, batch * 32, 200000.0, 0.5, staircase=True)
        bn_decay = tf.minimum(0.99, 1 - bn_momentum)
        net = conv2d(pc, 64, "conv1", bn=True, is_training=is_training_pl, bn_decay=bn_decay)
        net = conv2d(net, 128, "conv2", bn=True, is_training=is_training_pl, bn_decay=bn_decay)
        logits = tf.layers.dense(tf.reduce_max(net, [1, 2]), 40)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=lab))
        train_op = tf.train.AdamOptimizer(1e-3).minimize(loss, global_step=batch)
        saver = tf.train.Saver()
        sess = tf.Session()
        sess.run(tf.global_variables_initializer(), {is_training_pl: True})
        ops = {"pc": pc, "lab": lab, "tr": is_training_pl, "train_op": train_op, "loss": loss, "pred": logits}
        for epoch in range(250):
            train_one_epoch(sess, ops)
            eval_one_epoch(sess, ops)
            saver.save(sess, "model.ckpt")


def train_one_epoch(sess, ops):
    is_training = True
    for d, l in provider.batches("train", 32):
        sess.run([ops["train_op"], ops["loss"]], feed_dict={ops["pc"]: d, ops["lab"]: l, ops["tr"]: is_training})


def eval_one_epoch(sess, ops):
    is_training = False
    for d, l in provider.batches("test", 32):
        sess.run([ops["loss"], ops["pred"]], feed_dict={ops["pc"]: d, ops["lab"]: l, ops["tr"]: is_training})


if __name__ == "__main__":
    train()
