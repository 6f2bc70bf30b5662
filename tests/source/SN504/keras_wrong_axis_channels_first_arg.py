from keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, ReLU
from keras.models import Model

DATA_FORMAT = "channels_first"


def conv(x, f):
    x = Conv2D(f, 3, padding="same", use_bias=False, data_format=DATA_FORMAT)(x)
    x = BatchNormalization(axis=3)(x)  # expect: SN504
    return ReLU()(x)


i = Input((3, 32, 32))
m = Model(i, Dense(10)(Flatten()(conv(conv(i, 16), 32))))
