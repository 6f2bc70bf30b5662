import tensorflow as tf


class Classifier(tf.keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.body = tf.keras.applications.EfficientNetB3(include_top=False, pooling="avg")
        self.head = tf.keras.layers.Dense(classes)

    def freeze_statistics(self):
        for layer in self.body.layers:
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.trainable = False

    def thaw(self):
        for layer in self.body.layers:
            if not isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.trainable = True

    def call(self, x, training=False):
        return self.head(self.body(x, training=training))


data = tf.keras.utils.image_dataset_from_directory("galaxies", image_size=(300, 300))
model = Classifier(9)
model.freeze_statistics()
model.thaw()
model.compile(tf.keras.optimizers.Adam(1e-5), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(data, epochs=10)
