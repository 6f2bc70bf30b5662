from tensorflow import keras
from tensorflow.keras import layers

from data import test_data, train_data


def build_model(training):
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(32, 3, use_bias=False)(image)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    if training:
        x = layers.Dropout(0.5)(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


train_model = build_model(training=True)
train_model.compile("adam", "sparse_categorical_crossentropy")
train_model.fit(train_data(), epochs=20)

test_model = build_model(training=False)  # expect: SN206
test_model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
print(test_model.evaluate(test_data()))
