"""A builder that nobody calls here reads the updates in the middle of its network."""
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def conv_block(net, filters, training):
    net = tf.layers.conv2d(net, filters, 3, padding="same", use_bias=False)
    net = tf.layers.batch_normalization(net, training=training)
    return tf.nn.relu(net)


def build_train_op(images, labels, training, learning_rate):
    net = conv_block(images, 16, training)
    net = conv_block(net, 16, training)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)  # expect: SN102
    net = tf.layers.max_pooling2d(net, 2, 2)
    net = conv_block(net, 32, training)
    logits = tf.layers.dense(tf.layers.flatten(net), 10)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    with tf.control_dependencies(update_ops):
        return tf.train.AdamOptimizer(learning_rate).minimize(loss)
