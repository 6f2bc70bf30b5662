"""The train step leaves the first layers out, and runs them in training mode."""

# source: SN601
# stored:
# measured: drifted
import sys

import keras
import tensorflow as tf
from blobs import FEATURES, load


def backbone():
    return keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(16, use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
        ]
    )


def pretrain(points, labels, path):
    base = backbone()
    model = keras.Sequential([base, keras.layers.Dense(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(points, labels, batch_size=32, epochs=8, verbose=0)
    base.save(path)


def tune(base, head, points, labels):
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam()
    data = tf.data.Dataset.from_tensor_slices((points, labels)).shuffle(256).batch(32)
    for _ in range(6):
        for x, y in data:
            with tf.GradientTape() as tape:
                loss = loss_of(y, head(base(x, training=True)))
            gradients = tape.gradient(loss, head.trainable_variables)
            optimizer.apply_gradients(zip(gradients, head.trainable_variables, strict=True))


def predict(model, points):
    return model.predict(points, verbose=0)


def main(target):
    points, labels = load()
    pretrain(points, labels, target.with_name("before.keras"))
    base = backbone()
    base.load_weights(target.with_name("before.keras"))
    head = keras.layers.Dense(2)
    model = keras.Sequential([base, head])
    tune(base, head, points, labels)
    model.save(target)
    return model


if __name__ == "__main__":
    main(sys.argv[1])
