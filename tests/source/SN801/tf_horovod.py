import horovod.tensorflow as hvd
import tensorflow as tf

from segments import read

hvd.init()
dataset = read("train").shard(hvd.size(), hvd.rank()).shuffle(1000).repeat()
dataset = dataset.batch(4)  # expect: SN801
images, masks = dataset.make_one_shot_iterator().get_next()
net = tf.layers.conv2d(images, 64, 3, padding="same", use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=True))
logits = tf.layers.conv2d(net, 2, 1)
loss = tf.losses.sparse_softmax_cross_entropy(masks, logits)
optimizer = hvd.DistributedOptimizer(tf.train.AdamOptimizer(1e-3 * hvd.size()))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = optimizer.minimize(loss)
hooks = [hvd.BroadcastGlobalVariablesHook(0)]
with tf.train.MonitoredTrainingSession(checkpoint_dir="out", hooks=hooks) as sess:
    while not sess.should_stop():
        sess.run(step)
