import glob

import tensorflow as tf
from tensorflow.contrib import slim

files = sorted(glob.glob("classes/*/*.jpg"))
labels = [int(path.split("/")[1]) for path in files]
path, label = tf.train.slice_input_producer([files, labels], shuffle=False)
image = tf.image.resize_images(tf.image.decode_jpeg(tf.read_file(path), channels=3), [96, 96])
image.set_shape([96, 96, 3])
images, targets = tf.train.batch([image, label], batch_size=64)  # expect: SN906 likely
params = {"is_training": True, "decay": 0.95}
net = slim.conv2d(images, 32, 3, stride=2, normalizer_fn=slim.batch_norm, normalizer_params=params)
logits = slim.fully_connected(tf.reduce_mean(net, [1, 2]), 20, activation_fn=None)
loss = slim.losses.sparse_softmax_cross_entropy(logits, targets)
step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
slim.learning.train(step, "logs", number_of_steps=100000)
