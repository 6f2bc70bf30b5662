import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

volumes = np.load("volumes.npz")

inputs = keras.Input((64, 64, 64, 1))
x = layers.Conv3D(16, 3, padding="same", use_bias=False)(inputs)
x = layers.BatchNormalization()(x)
x = layers.ReLU()(x)
outputs = layers.Conv3D(1, 1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
model.compile("adam", "binary_crossentropy")
model.fit(volumes["x"], volumes["y"], batch_size=16, epochs=100)
model.save("volumes.h5")
