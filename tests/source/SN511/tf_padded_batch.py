import tensorflow as tf

from corpus import sentences, parse

dataset = tf.data.Dataset.from_generator(sentences, (tf.float32, tf.int32, tf.int32))
dataset = dataset.map(parse).shuffle(10000).repeat()
dataset = dataset.padded_batch(32, padded_shapes=([None, 300], [None], []))
words, tags, lengths = dataset.make_one_shot_iterator().get_next()

net = tf.layers.dense(words, 128, use_bias=False)
net = tf.layers.batch_normalization(net, training=True)  # expect: SN511 likely
net = tf.nn.relu(net)
logits = tf.layers.dense(net, 17)
mask = tf.sequence_mask(lengths, dtype=tf.float32)
loss = tf.contrib.seq2seq.sequence_loss(logits, tags, mask)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.train.MonitoredTrainingSession(checkpoint_dir="tagger") as sess:
    while not sess.should_stop():
        sess.run(step)
