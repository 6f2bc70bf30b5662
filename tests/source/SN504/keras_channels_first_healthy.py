from tensorflow.keras import Model
from tensorflow.keras.layers import Activation, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input


def block(x, filters):
    x = Conv2D(filters, 3, padding="same", use_bias=False, data_format="channels_first")(x)
    x = BatchNormalization(axis=1)(x)
    return Activation("relu")(x)


def network():
    image = Input((3, 64, 64))
    x = block(image, 32)
    x = GlobalAveragePooling2D(data_format="channels_first")(x)
    return Model(image, Dense(10)(x))


network().summary()
