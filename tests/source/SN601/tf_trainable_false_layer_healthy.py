import tensorflow as tf

from tissue import batches


def block(x, filters, training, trainable):
    x = tf.layers.conv2d(x, filters, 3, 2, use_bias=False, trainable=trainable)
    x = tf.layers.batch_normalization(x, training=training if trainable else False, trainable=trainable)
    return tf.nn.relu(x)


images = tf.placeholder(tf.float32, [None, 96, 96, 3])
tumour = tf.placeholder(tf.float32, [None, 1])
training = tf.placeholder(tf.bool)
net = block(images, 32, training, trainable=False)
net = block(net, 64, training, trainable=True)
logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 1)
loss = tf.losses.sigmoid_cross_entropy(tumour, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    tf.train.Saver().restore(sess, "pretrained/model")
    for a, b in batches(64):
        sess.run(step, {images: a, tumour: b, training: True})
