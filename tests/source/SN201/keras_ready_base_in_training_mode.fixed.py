"""Fine-tuning of a published network whose convolutions are frozen and whose normalization is not."""

import keras
from keras import layers
from keras.applications import ResNet50
from keras.applications.resnet50 import preprocess_input
from keras.utils import image_dataset_from_directory

SIZE = (224, 224)


class PetNet(keras.Model):
    def __init__(self, breeds):
        super().__init__()
        self.base = ResNet50(include_top=False, weights="imagenet", pooling="avg")
        for layer in self.base.layers:
            if not isinstance(layer, layers.BatchNormalization):
                layer.trainable = False
        self.drop = layers.Dropout(0.2)
        self.head = layers.Dense(breeds, activation="softmax")

    def call(self, images, training=None):
        features = self.base(preprocess_input(images), training=training)
        return self.head(self.drop(features, training=training))


train = image_dataset_from_directory("pets/train", image_size=SIZE, batch_size=32)
validation = image_dataset_from_directory("pets/validation", image_size=SIZE, batch_size=32)
model = PetNet(37)
model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, validation_data=validation, epochs=5)
print(model.evaluate(validation))
