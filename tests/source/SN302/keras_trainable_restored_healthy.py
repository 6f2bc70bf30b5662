import keras
import numpy as np


def make():
    inputs = keras.Input((24,))
    x = keras.layers.Dense(48, use_bias=False)(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation("gelu")(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def save(model, path):
    np.savez(path, **{v.path: keras.ops.convert_to_numpy(v) for v in model.variables})


def restore(model, path):
    stored = np.load(path)
    for variable in model.variables:
        variable.assign(stored[variable.path])


def main():
    model = make()
    restore(model, "regressor.npz")
    rows = np.load("rows.npy")
    np.save("predictions.npy", model.predict(rows))


main()
