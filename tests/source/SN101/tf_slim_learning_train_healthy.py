import tensorflow as tf
from nets import resnet_v1

slim = tf.contrib.slim


def get_batch(files, batch_size):
    dataset = tf.data.TFRecordDataset(files).shuffle(1000).repeat().batch(batch_size)
    return dataset.make_one_shot_iterator().get_next()


def run(files, log_dir):
    images, labels = get_batch(files, 32)
    with slim.arg_scope(resnet_v1.resnet_arg_scope(weight_decay=1e-4)):
        logits, _ = resnet_v1.resnet_v1_50(images, num_classes=100, is_training=True)
        extra = slim.conv2d(images, 8, 3, normalizer_fn=slim.batch_norm, activation_fn=tf.nn.relu)
        logits += slim.fully_connected(tf.reduce_mean(extra, [1, 2]), 100, activation_fn=None)
    slim.losses.sparse_softmax_cross_entropy(logits, labels)
    total_loss = slim.losses.get_total_loss()
    optimizer = tf.train.MomentumOptimizer(0.01, 0.9)
    train_op = slim.learning.create_train_op(total_loss, optimizer, clip_gradient_norm=4)
    slim.learning.train(train_op, log_dir, number_of_steps=50000, save_summaries_secs=60)


if __name__ == "__main__":
    run(["train-0.tfrecord", "train-1.tfrecord"], "/tmp/logs")
