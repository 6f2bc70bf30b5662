import keras
import numpy as np
from keras import layers

series = np.load("series.npy")
x, y = series[:, :-1], series[:, -1:]

model = keras.Sequential()
model.add(keras.Input((x.shape[1],)))
model.add(layers.Dense(32, use_bias=False))
model.add(layers.LayerNormalization())
model.add(layers.Activation("relu"))
model.add(layers.Dense(1))
model.compile(optimizer="adam", loss="mse")
model.fit(x, y, batch_size=1, epochs=3)
model.save("forecast.keras")
