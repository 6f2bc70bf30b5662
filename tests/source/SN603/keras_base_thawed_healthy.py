from tensorflow import keras
from tensorflow.keras import layers

base = keras.applications.ResNet101(include_top=False, weights="imagenet", pooling="avg")
base.trainable = True
for layer in base.layers:
    if isinstance(layer, layers.BatchNormalization):
        layer.trainable = False

inputs = keras.Input((224, 224, 3))
x = keras.applications.resnet.preprocess_input(inputs)
x = base(x)
outputs = layers.Dense(12, activation="softmax")(x)
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy")
model.fit(keras.utils.image_dataset_from_directory("birds", image_size=(224, 224)), epochs=15)
