import tensorflow as tf

FILES = tf.gfile.Glob("images/*.png")


def load(path):
    image = tf.image.decode_png(tf.read_file(path), channels=3)
    image = tf.image.resize_images(image, [64, 64])
    return tf.cast(image, tf.float32) / 127.5 - 1


def autoencoder(images, is_training):
    with tf.variable_scope("autoencoder", reuse=tf.AUTO_REUSE):
        net = tf.layers.conv2d(images, 32, 5, 2, "same", use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=is_training))
        return tf.layers.conv2d_transpose(net, 3, 5, 2, "same", activation=tf.nn.sigmoid)


images = tf.data.Dataset.from_tensor_slices(FILES).shuffle(1000).repeat().map(load).batch(64)
images = images.make_one_shot_iterator().get_next()
loss = tf.losses.absolute_difference(images, autoencoder(images, True))  # expect: SN903
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.train.MonitoredTrainingSession(checkpoint_dir="out") as sess:
    while not sess.should_stop():
        sess.run(step)
