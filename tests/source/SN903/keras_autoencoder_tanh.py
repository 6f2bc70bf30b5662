from keras.layers import BatchNormalization, Conv2D, Conv2DTranspose, Input, LeakyReLU
from keras.models import Model
from keras.datasets import cifar10

(x_train, _), (x_test, _) = cifar10.load_data()
x_train = x_train.astype("float32") / 255
x_test = x_test.astype("float32") / 255


def autoencoder():
    inp = Input(shape=(32, 32, 3))
    x = Conv2D(64, 4, strides=2, padding="same", use_bias=False)(inp)
    x = BatchNormalization()(x)
    x = LeakyReLU()(x)
    out = Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(x)
    return Model(inp, out)


ae = autoencoder()
ae.compile(optimizer="adam", loss="mse")  # expect: SN903
ae.fit(x_train, x_train, epochs=50, batch_size=256, shuffle=True, validation_data=(x_test, x_test))
