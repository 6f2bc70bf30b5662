import numpy as np
import tensorflow as tf

data = np.load("train.npz")
dataset = tf.data.Dataset.from_tensor_slices((data["images"], data["labels"]))
dataset = dataset.repeat().batch(64)  # expect: SN906 likely
images, labels = dataset.make_one_shot_iterator().get_next()
net = tf.layers.conv2d(images, 32, 3, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=True))
loss = tf.losses.sparse_softmax_cross_entropy(labels, tf.layers.dense(tf.reduce_mean(net, [1, 2]), 10))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.train.MonitoredTrainingSession(checkpoint_dir="out") as sess:
    while not sess.should_stop():
        sess.run(step)
