import keras
from keras import layers, ops


def backbone():
    image = keras.Input((64, 64, 3))
    x = layers.Conv2D(32, 3, strides=2, use_bias=False)(image)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


@keras.saving.register_keras_serializable()
class Siamese(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder = backbone()
        self.out = layers.Dense(1)

    def call(self, pair, training=None):
        features = self.encoder(ops.concatenate(pair, axis=0), training=training)
        left, right = ops.split(features, 2, axis=0)
        return self.out(ops.abs(left - right))


def main():
    from pairs import train_pairs

    model = Siamese()
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(train_pairs(batch_size=64), epochs=30)
    model.save("siamese.keras")


if __name__ == "__main__":
    main()
