import numpy as np
import tensorflow as tf

model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(128, use_bias=False, input_shape=(20,)),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.ReLU(),
        tf.keras.layers.Dropout(0.5),
        tf.keras.layers.Dense(1),
    ]
)
data = np.load("data.npz")
model.compile("adam", "mse")
model.fit(data["x"], data["y"], epochs=100, batch_size=64)
preds = np.stack([model(data["x_test"], training=True) for _ in range(100)])  # expect: SN201
print(preds.mean(0), preds.std(0))
