from tensorflow.keras import Model, layers


class Residual(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.conv1 = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(filters, 3, padding="same")

    def call(self, x, training=None):
        h = self.conv1(x)
        h = self.bn1(h, training=training)
        h = layers.Activation("relu")(h)
        return x + self.conv2(h)


class ResNet(Model):
    def __init__(self, depth, classes):
        super().__init__()
        self.stem = layers.Conv2D(64, 7, strides=2)
        self.blocks = [Residual(64) for _ in range(depth)]
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(classes, activation="softmax")

    def call(self, x, training=None):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(self.pool(x))


def train(train_data, epochs):
    model = ResNet(6, 200)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(train_data, epochs=epochs)
    return model


if __name__ == "__main__":
    from imagenet import train_data

    train(train_data, 90).save_weights("resnet.h5")
