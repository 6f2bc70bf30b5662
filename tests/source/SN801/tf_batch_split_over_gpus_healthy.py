import tensorflow as tf

from imagenet import dataset

NUM_GPUS = 8


def tower(images, labels):
    net = tf.layers.conv2d(images, 64, 7, 2, use_bias=False, name="conv")
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=True, name="bn"))
    logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 1000, name="logits")
    return tf.losses.sparse_softmax_cross_entropy(labels, logits)


images, labels = dataset("train").shuffle(10000).repeat().batch(256).make_one_shot_iterator().get_next()
image_splits = tf.split(images, NUM_GPUS)
label_splits = tf.split(labels, NUM_GPUS)
optimizer = tf.train.MomentumOptimizer(0.1, 0.9)
gradients = []
for gpu in range(NUM_GPUS):
    with tf.device("/gpu:%d" % gpu), tf.variable_scope("model", reuse=gpu > 0):
        gradients.append(optimizer.compute_gradients(tower(image_splits[gpu], label_splits[gpu])))
averaged = [(tf.add_n([g for g, _ in each]) / NUM_GPUS, each[0][1]) for each in zip(*gradients)]
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    step = optimizer.apply_gradients(averaged)
with tf.train.MonitoredTrainingSession(checkpoint_dir="out") as sess:
    while not sess.should_stop():
        sess.run(step)
