import tensorflow as tf
from nets.mobilenet import mobilenet_v2
from data import batches

slim = tf.contrib.slim
images, labels = batches()
features, ep = mobilenet_v2.mobilenet(images, num_classes=0)
with tf.variable_scope("head"):
    logits = tf.layers.dense(tf.layers.flatten(features), 5)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
head = tf.trainable_variables("head")
train_op = tf.train.AdamOptimizer(1e-3).minimize(loss, var_list=head)
saver = tf.train.Saver(slim.get_variables_to_restore(include=["MobilenetV2"]))
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    saver.restore(s, "mobilenet_v2.ckpt")
    for _ in range(1000):
        s.run(train_op)
