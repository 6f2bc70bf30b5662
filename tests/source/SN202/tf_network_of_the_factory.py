"""Training of a network that is chosen by its name."""

import tensorflow as tf
from nets import nets_factory

from plants import PlantDataset

slim = tf.contrib.slim


def train(num_classes=38, batch_size=64):
    network_fn = nets_factory.get_network_fn("resnet_v2_50", num_classes, weight_decay=4e-5)  # expect: SN202
    images, labels = PlantDataset("train").batches(batch_size, network_fn.default_image_size)
    logits, _ = network_fn(images)
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    total_loss = tf.losses.get_total_loss()
    train_op = slim.learning.create_train_op(total_loss, tf.train.MomentumOptimizer(0.01, 0.9))
    slim.learning.train(train_op, "plants", number_of_steps=50000, save_summaries_secs=300)


if __name__ == "__main__":
    train()
