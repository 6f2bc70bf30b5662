import keras
from keras import layers

inputs = keras.Input((224, 224, 3))
x = layers.Conv2D(64, 7, strides=2, use_bias=False)(inputs)
x = layers.BatchNormalization(axis=3, name="bn_conv1")(x)
x = layers.ReLU()(x)
x = layers.MaxPooling2D(3, strides=2)(x)
x = layers.GlobalAveragePooling2D()(x)
model = keras.Model(inputs, layers.Dense(1000)(x))
model.save("untrained.keras")
