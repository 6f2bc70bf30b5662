import tensorflow as tf

from stream import Stream

BATCH_SIZE = 1

dataset = tf.data.Dataset.from_generator(Stream("clicks"), (tf.float32, tf.float32), ([30], [1]))
dataset = dataset.batch(BATCH_SIZE)
features, clicked = dataset.make_one_shot_iterator().get_next()

net = tf.layers.dense(features, 64, use_bias=False)
net = tf.layers.batch_normalization(net, training=True)  # expect: SN204
net = tf.nn.relu(net)
score = tf.layers.dense(net, 1)
loss = tf.losses.sigmoid_cross_entropy(clicked, score)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.FtrlOptimizer(0.01).minimize(loss)

saver = tf.train.Saver()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(1000000):
        sess.run(step)
        if i % 10000 == 0:
            saver.save(sess, "clicks/model", i)
