from keras.models import Sequential
from keras.layers import BatchNormalization, Dense, Dropout
from keras.utils import to_categorical
import numpy as np

x, y = np.load("x.npy"), to_categorical(np.load("y.npy"))
model = Sequential()
model.add(Dense(512, activation="relu", input_shape=(784,)))
model.add(BatchNormalization())
model.add(Dropout(0.5))
model.add(Dense(256, activation="relu"))
model.add(Dropout(0.5))
model.add(BatchNormalization())  # expect: SN507
model.add(Dense(10, activation="softmax"))
model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=20, batch_size=128, validation_split=0.1)
