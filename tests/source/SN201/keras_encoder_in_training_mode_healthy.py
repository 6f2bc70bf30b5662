import tensorflow as tf
from tensorflow.keras import Input, Model, Sequential, layers

from scans import load_scans


def make_encoder():
    return Sequential(
        [
            layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(64, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
        ],
        name="encoder",
    )


(x_train, y_train), (x_test, y_test) = load_scans()
encoder = make_encoder()
scan = Input((128, 128, 1))
score = layers.Dense(1, activation="sigmoid")(encoder(scan))
model = Model(scan, score)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=[tf.keras.metrics.AUC()])
model.fit(x_train, y_train, batch_size=64, epochs=30)
probabilities = model.predict(x_test)[:, 0]
print("positive:", (probabilities > 0.5).sum())
