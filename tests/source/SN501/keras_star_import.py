from tensorflow.keras.layers import *
from tensorflow.keras.models import Sequential


def cnn(n):
    model = Sequential()
    model.add(Conv2D(32, (3, 3), input_shape=(32, 32, 3)))  # expect: SN501
    model.add(BatchNormalization())
    model.add(Activation("relu"))
    model.add(MaxPooling2D())
    model.add(Flatten())
    model.add(Dense(n, activation="softmax"))
    return model


m = cnn(10)
m.compile(loss="categorical_crossentropy", optimizer="adam")
