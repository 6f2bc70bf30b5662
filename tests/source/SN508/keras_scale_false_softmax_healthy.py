import keras
from keras import layers

inputs = keras.Input((300,))
x = layers.Dense(64, activation="relu")(inputs)
x = layers.Dense(8, use_bias=False)(x)
x = layers.BatchNormalization(scale=False)(x)
x = layers.ReLU()(x)
outputs = layers.Dense(5)(x)
model = keras.Model(inputs, outputs)
model.summary()
