import tensorflow as tf


def tower(x, units, training, scope):
    with tf.variable_scope(scope):
        for unit in units[:-1]:
            x = tf.layers.dense(x, unit, use_bias=False)
            x = tf.nn.relu(tf.layers.batch_normalization(x, training=training))
        return tf.layers.dense(x, units[-1])
