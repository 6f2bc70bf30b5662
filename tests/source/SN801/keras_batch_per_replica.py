import tensorflow as tf
from tensorflow.keras import layers

PER_REPLICA_BATCH = 2


def build():
    image = layers.Input((640, 640, 3))
    x = layers.Conv2D(32, 3, strides=2, use_bias=False)(image)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("swish")(x)
    return tf.keras.Model(image, layers.Conv2D(85, 1)(x))


def loss(target, output):
    return tf.reduce_mean(tf.abs(target - output))


def main():
    strategy = tf.distribute.MirroredStrategy()
    batch = PER_REPLICA_BATCH * strategy.num_replicas_in_sync
    data = tf.data.experimental.load("coco").shuffle(2000).batch(batch)  # expect: SN801
    with strategy.scope():
        model = build()
        model.compile(tf.keras.optimizers.SGD(0.01, momentum=0.9), loss)
    model.fit(data, epochs=300)


if __name__ == "__main__":
    main()
