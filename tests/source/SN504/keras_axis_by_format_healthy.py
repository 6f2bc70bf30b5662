import keras.backend as K
from keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, ReLU
from keras.models import Model

bn_axis = 3 if K.image_data_format() == "channels_last" else 1
i = Input((224, 224, 3))
x = Conv2D(64, 7, strides=2, use_bias=False)(i)
x = BatchNormalization(axis=bn_axis, name="bn_conv1")(x)
x = ReLU()(x)
m = Model(i, Dense(10)(Flatten()(x)))
