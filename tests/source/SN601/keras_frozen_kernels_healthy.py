from tensorflow import keras
from tensorflow.keras import layers


def freeze(model):
    for layer in model.layers:
        layer.trainable = False


base = keras.applications.MobileNetV2(input_shape=(160, 160, 3), include_top=False, weights="imagenet")
freeze(base)

inputs = keras.Input((160, 160, 3))
x = keras.applications.mobilenet_v2.preprocess_input(inputs)
x = layers.GlobalAveragePooling2D()(base(x))
model = keras.Model(inputs, layers.Dense(2)(x))
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(keras.utils.image_dataset_from_directory("cats", image_size=(160, 160)), epochs=10)
