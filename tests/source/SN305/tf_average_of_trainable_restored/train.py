import tensorflow as tf

from cifar import shuffled
from model import logits_of

images, labels = shuffled("train", 128)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits_of(images, True))
global_step = tf.train.get_or_create_global_step()
apply_gradient_op = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step)
averages = tf.train.ExponentialMovingAverage(0.9999, global_step)
averages_op = averages.apply(tf.trainable_variables())  # expect: SN305
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
train_op = tf.group(apply_gradient_op, averages_op, *update_ops)
with tf.train.MonitoredTrainingSession(checkpoint_dir="logs") as sess:
    while not sess.should_stop():
        sess.run(train_op)
