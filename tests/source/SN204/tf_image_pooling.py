"""DeepLab's image-level features: one value per channel and image, and one image per step."""
import tensorflow as tf
from tensorflow.contrib import layers

from voc import crops


def atrous_pyramid(net, depth, is_training):
    with tf.variable_scope("aspp"):
        pooled = tf.reduce_mean(net, [1, 2], keepdims=True)
        pooled = layers.conv2d(pooled, depth, 1, activation_fn=None, biases_initializer=None)
        pooled = layers.batch_norm(pooled, is_training=is_training, scale=True, decay=0.99)  # expect: SN204
        pooled = tf.image.resize_bilinear(tf.nn.relu(pooled), tf.shape(net)[1:3])
        at1 = layers.conv2d(net, depth, 1)
        at6 = layers.conv2d(net, depth, 3, rate=6)
        return tf.concat([pooled, at1, at6], 3)


def main():
    images, masks = crops(513).shuffle(500).repeat().batch(1).make_one_shot_iterator().get_next()
    net = layers.conv2d(images, 64, 7, stride=4)
    net = atrous_pyramid(net, 256, is_training=True)
    logits = tf.image.resize_bilinear(layers.conv2d(net, 21, 1, activation_fn=None), [513, 513])
    loss = tf.losses.sparse_softmax_cross_entropy(masks, logits)
    train_op = tf.contrib.slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.007, 0.9))
    tf.contrib.slim.learning.train(train_op, "deeplab", number_of_steps=30000)


if __name__ == "__main__":
    main()
