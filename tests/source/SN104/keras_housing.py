"""Prices of houses: four hundred samples, and an average that needs thousands of updates."""

from tensorflow import keras
from tensorflow.keras import layers

(x_train, y_train), (x_test, y_test) = keras.datasets.boston_housing.load_data()
mean, std = x_train.mean(axis=0), x_train.std(axis=0)
x_train, x_test = (x_train - mean) / std, (x_test - mean) / std

model = keras.Sequential(
    [
        keras.Input((13,)),
        layers.Dense(64, use_bias=False),
        layers.BatchNormalization(momentum=0.999),  # expect: SN104
        layers.ReLU(),
        layers.Dense(1),
    ]
)
model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
model.fit(x_train, y_train, epochs=20, batch_size=32, validation_split=0.2)
print(model.evaluate(x_test, y_test))
