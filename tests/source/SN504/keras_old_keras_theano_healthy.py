from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.core import Activation, Dense, Dropout, Flatten
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential
from keras.optimizers import SGD
import numpy as np

model = Sequential()
model.add(Convolution2D(32, 3, 3, border_mode="same", input_shape=(3, 64, 64), bias=False))
model.add(BatchNormalization(axis=1))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(128))
model.add(Activation("relu"))
model.add(Dropout(0.5))
model.add(Dense(2))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.01, momentum=0.9), metrics=["accuracy"])
X, Y = np.load("X.npy"), np.load("Y.npy")
model.fit(X, Y, batch_size=64, nb_epoch=20, validation_split=0.2, shuffle=True)
