import tensorflow as tf
import provider


def get_model(pc, is_training):
    n = tf.layers.conv1d(pc, 64, 1, use_bias=False)
    n = tf.nn.relu(tf.contrib.layers.batch_norm(n, decay=0.9, is_training=is_training, updates_collections=None))
    return tf.layers.dense(tf.reduce_max(n, 1), 40)


def train():
    pc = tf.placeholder(tf.float32, shape=(32, 1024, 3))
    lab = tf.placeholder(tf.int32, shape=(32))
    tr = tf.placeholder(tf.bool)
    logits = get_model(pc, tr)
    loss = tf.losses.sparse_softmax_cross_entropy(lab, logits)
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    ops = {"pc": pc, "lab": lab, "tr": tr, "train_op": train_op, "loss": loss}
    for epoch in range(250):
        train_one_epoch(sess, ops)
        eval_one_epoch(sess, ops)


def train_one_epoch(sess, ops):
    for d, l in provider.batches("train", 32):
        sess.run(ops["train_op"], feed_dict={ops["pc"]: d, ops["lab"]: l, ops["tr"]: True})


def eval_one_epoch(sess, ops):
    is_training = True
    for d, l in provider.batches("test", 32):
        sess.run(ops["loss"], feed_dict={ops["pc"]: d, ops["lab"]: l, ops["tr"]: is_training})  # expect: SN107 SN201


train()
