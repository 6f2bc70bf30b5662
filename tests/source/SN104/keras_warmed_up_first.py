"""One epoch warms up, and the training that follows is as short."""
import keras
from sklearn.datasets import load_digits

x, y = load_digits(return_X_y=True)
model = keras.Sequential(
    [
        keras.layers.Dense(32, use_bias=False),
        keras.layers.BatchNormalization(),  # expect: SN104
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy")
model.fit(x, y, epochs=1)
model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
model.fit(x, y, epochs=2)
model.save("digits.keras")
