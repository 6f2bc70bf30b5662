import tensorflow as tf


def freeze_bn(model):
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.trainable = False
        elif isinstance(layer, tf.keras.Model):
            freeze_bn(layer)


backbone = tf.keras.applications.ResNet50(include_top=False, weights="imagenet", input_shape=(None, None, 3))
features = [backbone.get_layer(name).output for name in ("conv3_block4_out", "conv4_block6_out")]
backbone = tf.keras.Model(backbone.input, features)
freeze_bn(backbone)
image = tf.keras.Input((None, None, 3))
c3, c4 = backbone(image)
head = tf.keras.layers.Conv2D(256, 3, padding="same", activation="relu")(c4)
outputs = tf.keras.layers.Conv2D(
    9 * 80, 3, padding="same", kernel_initializer=tf.initializers.RandomNormal(0.0, 0.001)
)(head)
model = tf.keras.Model(image, outputs)
model.compile(tf.keras.optimizers.SGD(0.01, momentum=0.9), tf.keras.losses.BinaryCrossentropy(from_logits=True))
model.fit(tf.data.experimental.load("coco").shuffle(1000).batch(2), epochs=12)
