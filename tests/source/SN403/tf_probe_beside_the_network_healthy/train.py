import tensorflow as tf

from data import joint
from nets import tower

speech = tf.placeholder(tf.float32, [None, 80])
phone = tf.placeholder(tf.int32, [None])
video = tf.placeholder(tf.float32, [None, 512])
viseme = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)

speech_loss = tf.losses.sparse_softmax_cross_entropy(phone, tower(speech, [256, 256, 40], training, "speech"))
video_loss = tf.losses.sparse_softmax_cross_entropy(viseme, tower(video, [256, 256, 14], training, "video"))

with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="speech")):
    speech_step = tf.train.AdamOptimizer().minimize(speech_loss)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="video")):
    video_step = tf.train.AdamOptimizer().minimize(video_loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b, c, d in joint(128):
        feed = {speech: a, phone: b, video: c, viseme: d, training: True}
        sess.run(speech_step, feed)
        sess.run(video_step, feed)
