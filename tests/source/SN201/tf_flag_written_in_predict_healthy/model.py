import tensorflow as tf


def unet_block(x, filters, training, name):
    with tf.variable_scope(name):
        x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False)
        x = tf.layers.batch_normalization(x, training=training)
        return tf.nn.relu(x)


def unet(x, training):
    down1 = unet_block(x, 16, training, "down1")
    pool1 = tf.layers.max_pooling2d(down1, 2, 2)
    down2 = unet_block(pool1, 32, training, "down2")
    up1 = tf.image.resize_nearest_neighbor(down2, tf.shape(down1)[1:3])
    up1 = unet_block(tf.concat([up1, down1], 3), 16, training, "up1")
    return tf.layers.conv2d(up1, 1, 1, name="mask")
