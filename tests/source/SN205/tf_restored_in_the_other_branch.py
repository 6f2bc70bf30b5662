import tensorflow as tf
import tensorflow.contrib.slim as slim


def residual(x, depth, is_training):
    y = slim.conv2d(x, depth, 3, activation_fn=None, biases_initializer=None)
    y = slim.batch_norm(y, scale=True, activation_fn=tf.nn.relu)  # expect: SN205
    y = slim.conv2d(y, depth, 3, activation_fn=None)
    return x + y


def resnet(images, is_training):
    net = slim.conv2d(images, 32, 3)
    for _ in range(3):
        net = residual(net, 32, is_training)
    return slim.conv2d(net, 3, 3, activation_fn=None)


FLAGS = tf.app.flags.FLAGS
tf.app.flags.DEFINE_string('mode', 'train', '')
tf.app.flags.DEFINE_integer('steps', 100000, '')


def main(_):
    import pipeline
    is_training = FLAGS.mode == 'train'
    noisy, clean = pipeline.load(FLAGS.mode, 16)
    out = resnet(noisy, is_training)
    loss = tf.losses.mean_squared_error(clean, out)
    if is_training:
        op = slim.learning.create_train_op(loss, tf.train.AdamOptimizer())
        with tf.train.MonitoredTrainingSession(checkpoint_dir='logs') as sess:
            for _ in range(FLAGS.steps):
                sess.run(op)
    else:
        saver = tf.train.Saver()
        with tf.Session() as sess:
            saver.restore(sess, tf.train.latest_checkpoint('logs'))
            print(sess.run(loss))


if __name__ == '__main__':
    tf.app.run()
