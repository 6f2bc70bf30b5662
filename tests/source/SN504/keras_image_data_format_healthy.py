import keras.backend as K
from keras.layers import Activation, BatchNormalization, Conv2D, Flatten, Dense
from keras.models import Sequential

K.set_image_data_format("channels_first")


class SmallerVGGNet:
    @staticmethod
    def build(width, height, depth, classes):
        model = Sequential()
        channel_axis = 1
        model.add(Conv2D(32, (3, 3), use_bias=False, input_shape=(depth, height, width)))
        model.add(BatchNormalization(axis=channel_axis))
        model.add(Activation("relu"))
        model.add(Flatten())
        model.add(Dense(classes))
        model.add(Activation("softmax"))
        return model


model = SmallerVGGNet.build(96, 96, 3, 5)
model.summary()
