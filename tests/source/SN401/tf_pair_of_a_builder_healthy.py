"""Scores for pairs of sentences, for whoever has them: nobody knows here that they are of two kinds."""

import tensorflow as tf


def encode(words, is_training):
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        h = tf.layers.conv1d(words, 64, 3, use_bias=False, name="conv")
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=is_training, name="norm"))
        return tf.layers.dense(tf.reduce_max(h, 1), 32, name="code")


def model(question, candidate, related, is_training, vocabulary=20000):
    table = tf.get_variable("words", [vocabulary, 64])
    first = encode(tf.nn.embedding_lookup(table, question), is_training)
    second = encode(tf.nn.embedding_lookup(table, candidate), is_training)
    score = tf.reduce_sum(first * second, 1)
    loss = tf.losses.sigmoid_cross_entropy(related, score)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = tf.train.AdamOptimizer().minimize(loss)
    return train_op, score
