from tensorflow import keras


class Preview(keras.callbacks.Callback):
    """Writes what the network makes of a few validation images after each epoch."""

    def __init__(self, images, folder):
        super().__init__()
        self.images = images
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        outputs = self.model(self.images, training=False)
        for index, image in enumerate(outputs):
            keras.utils.save_img(f"{self.folder}/{epoch:03d}_{index}.png", image)


def autoencoder():
    x = inputs = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid")(x)
    return keras.Model(inputs, x)


train = keras.utils.image_dataset_from_directory("images/train", labels=None, image_size=(64, 64))
train = train.map(lambda batch: (batch / 255.0, batch / 255.0))
valid = keras.utils.image_dataset_from_directory("images/valid", labels=None, image_size=(64, 64))
samples = next(iter(valid)) / 255.0
model = autoencoder()
model.compile("adam", "binary_crossentropy")
model.fit(train, epochs=100, callbacks=[Preview(samples[:8], "previews")])
