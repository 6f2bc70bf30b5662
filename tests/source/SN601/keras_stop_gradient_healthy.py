import keras
import tensorflow as tf


class Probe(keras.Model):
    """A linear probe on a pretrained encoder."""

    def __init__(self, encoder, classes):
        super().__init__()
        self.encoder = encoder
        self.encoder.trainable = False
        self.linear = keras.layers.Dense(classes)

    def call(self, x, training=False):
        features = keras.ops.stop_gradient(self.encoder(x, training=training))
        return self.linear(features)


encoder = keras.applications.EfficientNetB0(include_top=False, pooling="avg", weights="imagenet")
probe = Probe(encoder, 37)
probe.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
train = keras.utils.image_dataset_from_directory("pets/train", image_size=(224, 224))
probe.fit(train, epochs=8)
probe.save("probe.keras")
