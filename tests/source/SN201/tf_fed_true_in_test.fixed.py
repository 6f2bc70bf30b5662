import tensorflow as tf

from faces import train_pairs, test_pairs

flags = tf.app.flags
flags.DEFINE_integer("max_steps", 30000, "steps")
FLAGS = flags.FLAGS


def build(images, phase_train):
    with tf.variable_scope("embed"):
        net = tf.layers.conv2d(images, 64, 7, 2, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=phase_train))
        net = tf.layers.flatten(tf.layers.max_pooling2d(net, 3, 2))
        return tf.nn.l2_normalize(tf.layers.dense(net, 128), 1)


def main(_):
    images = tf.placeholder(tf.float32, [None, 160, 160, 3], name="input")
    labels = tf.placeholder(tf.int32, [None])
    phase_train = tf.placeholder(tf.bool, name="phase_train")
    embeddings = build(images, phase_train)
    loss = tf.contrib.losses.metric_learning.triplet_semihard_loss(labels, embeddings)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = tf.train.AdagradOptimizer(0.05).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(FLAGS.max_steps):
            x, y = train_pairs(90)
            sess.run(train_op, feed_dict={images: x, labels: y, phase_train: True})
        x, y = test_pairs()
        print(sess.run(embeddings, feed_dict={images: x, phase_train: False}), y)


if __name__ == "__main__":
    tf.app.run()
