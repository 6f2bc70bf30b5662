import numpy as np
import tensorflow as tf

x = np.load("x.npy")
x = (x - x.mean(axis=0)) / x.std(axis=0)
y = np.load("y.npy")
model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(32, use_bias=False),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.ReLU(),
        tf.keras.layers.Dense(1),
    ]
)
model.compile("adam", "mse")
model.fit(x, y, batch_size=32, epochs=100)
z = model.predict(x)
print(((z - z.mean(axis=0)) / z.std(axis=0)).max())
