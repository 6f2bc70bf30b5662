import tensorflow as tf

from kitti import parse

FLAGS = tf.flags.FLAGS
tf.flags.DEFINE_string("records", "kitti.tfrecord", "where the images are")


def input_fn(batch_size=4):
    dataset = tf.data.TFRecordDataset(FLAGS.records)
    dataset = dataset.shuffle(500).repeat().map(parse)
    dataset = dataset.batch(batch_size)  # expect: SN505
    return dataset.make_one_shot_iterator().get_next()


def main(_):
    images, depth = input_fn()
    net = tf.layers.conv2d(images, 32, 7, 2, use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=True))
    predicted = tf.layers.conv2d(net, 1, 3)
    loss = tf.losses.absolute_difference(depth, predicted)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer(1e-4).minimize(loss)
    with tf.train.MonitoredTrainingSession(checkpoint_dir="depth") as sess:
        while not sess.should_stop():
            sess.run(step)


if __name__ == "__main__":
    tf.app.run()
