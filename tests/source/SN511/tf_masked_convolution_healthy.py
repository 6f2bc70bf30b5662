import tensorflow as tf
from tensorflow.keras.preprocessing.sequence import pad_sequences

from reviews import shuffled_batches


def network(ids, lengths, training):
    embedding = tf.get_variable("embedding", [10000, 64])
    net = tf.nn.embedding_lookup(embedding, ids)
    net = tf.layers.conv1d(net, 128, 3, padding="same", use_bias=False)
    mask = tf.expand_dims(tf.sequence_mask(lengths, 200, dtype=tf.float32), 2)
    net = tf.reduce_sum(net * mask, 1) / tf.reduce_sum(mask, 1)
    return tf.nn.relu(tf.layers.batch_normalization(net, training=training))


ids = tf.placeholder(tf.int32, [None, 200])
lengths = tf.placeholder(tf.int32, [None])
stars = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)
logits = tf.layers.dense(network(ids, lengths, training), 5)
loss = tf.losses.sparse_softmax_cross_entropy(stars, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for texts, rating in shuffled_batches(64):
        feed = {ids: pad_sequences(texts, 200), lengths: [len(text) for text in texts], stars: rating, training: True}
        sess.run(step, feed)
