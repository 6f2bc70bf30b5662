import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

data = np.load("housing.npz")
model = keras.Sequential(
    [
        layers.Dense(64, activation="relu", input_shape=(13,)),
        layers.Dense(1, use_bias=False),
        layers.BatchNormalization(),  # expect: SN503
    ]
)
model.compile(optimizer="adam", loss="mse")
model.fit(data["x"], data["y"], batch_size=32, epochs=100)
model.save("housing.h5")
