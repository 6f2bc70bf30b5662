import keras
import numpy as np


def classifier(batch_size):
    inputs = keras.Input(batch_shape=(batch_size, 40))
    h = keras.layers.Dense(128, use_bias=False)(inputs)
    h = keras.layers.BatchNormalization()(h)
    h = keras.layers.ReLU()(h)
    return keras.Model(inputs, keras.layers.Dense(4)(h))


x_train, y_train = np.load("x.npy"), np.load("y.npy")
model = classifier(64)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x_train, y_train, batch_size=64, epochs=40)

single = classifier(1)
for target, source in zip(single.weights, model.weights):
    target.assign(source)
for row in np.load("incoming.npy"):
    print(single.predict(row[None])[0].argmax())
