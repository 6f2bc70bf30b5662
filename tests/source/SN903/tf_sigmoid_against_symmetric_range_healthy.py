import numpy as np
import tensorflow as tf

data = np.load("faces.npy").astype(np.float32)
data = data / 127.5 - 1.0
np.random.shuffle(data)

noisy = tf.placeholder(tf.float32, [None, 64, 64, 3])
clean = tf.placeholder(tf.float32, [None, 64, 64, 3])
training = tf.placeholder(tf.bool)
net = tf.layers.conv2d(noisy, 32, 3, padding="same", use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
net = tf.layers.conv2d(net, 3, 3, padding="same")
denoised = tf.tanh(net)
loss = tf.losses.mean_squared_error(clean, denoised)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(50):
        for start in range(0, len(data), 32):
            images = data[start : start + 32]
            rough = images + np.random.normal(0, 0.1, images.shape)
            sess.run(step, {noisy: rough, clean: images, training: True})
