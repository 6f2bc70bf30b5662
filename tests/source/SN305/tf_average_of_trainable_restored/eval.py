import tensorflow as tf

from cifar import shuffled
from model import logits_of

images, labels = shuffled("test", 100)
hits = tf.nn.in_top_k(logits_of(images, False), labels, 1)
averages = tf.train.ExponentialMovingAverage(0.9999)
saver = tf.train.Saver(averages.variables_to_restore())
with tf.Session() as sess:
    saver.restore(sess, tf.train.latest_checkpoint("logs"))
    print(sum(sess.run(hits).mean() for _ in range(100)) / 100)
