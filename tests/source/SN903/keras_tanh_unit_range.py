import keras
from keras import layers

(x_train, _), (x_test, _) = keras.datasets.mnist.load_data()
x_train = x_train[..., None].astype("float32") / 255.0

inputs = keras.Input((28, 28, 1))
x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(inputs)
x = layers.BatchNormalization()(x)
x = layers.ReLU()(x)
outputs = layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="tanh")(x)
autoencoder = keras.Model(inputs, outputs)
autoencoder.compile(optimizer="adam", loss="mse")  # expect: SN903
autoencoder.fit(x_train, x_train, batch_size=128, epochs=20)
