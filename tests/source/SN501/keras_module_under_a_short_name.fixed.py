import tensorflow as tf

L = tf.keras.layers


def conv(x, f, s=1, act=True):
    x = L.Conv2D(f, 3, strides=s, padding="same", kernel_initializer="he_normal", use_bias=False)(x)
    x = L.BatchNormalization()(x)
    return L.ReLU()(x) if act else x


def resnet(depth=2):
    i = tf.keras.Input((32, 32, 3))
    x = conv(i, 16)
    for _ in range(depth):
        x = L.ReLU()(L.Add()([x, conv(conv(x, 16), 16, act=False)]))
    return tf.keras.Model(i, L.Dense(10)(L.GlobalAvgPool2D()(x)))
