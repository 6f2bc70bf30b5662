import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def net(x, is_training=True):
    x = tf.layers.conv2d(x, 8, 3, use_bias=False)
    x = tf.layers.batch_normalization(x, training=is_training)
    return tf.layers.dense(tf.layers.flatten(tf.nn.relu(x)), 3)


x = tf.placeholder(tf.float32, [1, 32, 32, 3])
out = net(x)
with tf.Session() as sess:
    tf.train.Saver().restore(sess, tf.train.latest_checkpoint("."))
    conv = tf.lite.TFLiteConverter.from_session(sess, [x], [out])  # expect: SN209
    open("m.tflite", "wb").write(conv.convert())
