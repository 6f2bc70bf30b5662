import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

data = np.load("sorted_by_class.npz")
model = keras.Sequential(
    [
        layers.Dense(64, use_bias=False, input_shape=(32,)),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dense(7, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(data["x"], data["y"], batch_size=64, epochs=30, shuffle=True)
