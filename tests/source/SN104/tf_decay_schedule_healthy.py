"""PointNet's decay grows while the network is trained."""
import tensorflow as tf

from provider import shuffled_batches, test_clouds

BN_INIT_DECAY = 0.5
BN_DECAY_CLIP = 0.99


def get_bn_decay(batch):
    bn_momentum = tf.train.exponential_decay(BN_INIT_DECAY, batch * 32, 200000.0, 0.5, staircase=True)
    return tf.minimum(BN_DECAY_CLIP, 1 - bn_momentum)


def batch_norm(inputs, is_training, bn_decay, scope):
    decay = bn_decay if bn_decay is not None else 0.9
    return tf.contrib.layers.batch_norm(
        inputs, center=True, scale=True, is_training=is_training, decay=decay, updates_collections=None, scope=scope
    )


def get_model(points, is_training, bn_decay=None):
    net = tf.layers.conv1d(points, 64, 1, use_bias=False)
    net = tf.nn.relu(batch_norm(net, is_training, bn_decay, "bn1"))
    net = tf.reduce_max(net, 1)
    return tf.layers.dense(net, 40)


def train():
    points = tf.placeholder(tf.float32, [32, 1024, 3])
    labels = tf.placeholder(tf.int32, [32])
    is_training = tf.placeholder(tf.bool, shape=())
    batch = tf.Variable(0, trainable=False)
    pred = get_model(points, is_training, bn_decay=get_bn_decay(batch))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=pred, labels=labels))
    train_op = tf.train.AdamOptimizer(0.001).minimize(loss, global_step=batch)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(250):
            for cloud, label in shuffled_batches(32):
                sess.run(train_op, {points: cloud, labels: label, is_training: True})
            for cloud, label in test_clouds(32):
                print(sess.run(loss, {points: cloud, labels: label, is_training: False}))


if __name__ == "__main__":
    train()
