import keras
from keras import layers


def conv_block(x, filters, size=3, strides=1):
    x = layers.Conv2D(  # expect: SN501
        filters,
        size,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
    )(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(x)


def resnet(classes):
    image = keras.Input((64, 64, 3))
    x = conv_block(image, 32, size=7, strides=2)
    for filters in (32, 64):
        shortcut = layers.Conv2D(filters, 1)(x)
        x = conv_block(x, filters)
        x = layers.Add()([x, shortcut])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(classes)(x))


if __name__ == "__main__":
    resnet(10).summary()
