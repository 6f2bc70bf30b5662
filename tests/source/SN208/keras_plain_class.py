import keras
from keras import layers, ops


class ConvBlock:
    """A convolution, its normalization and a rectifier."""

    def __init__(self, filters, stride):
        self.conv = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)
        self.bn = layers.BatchNormalization()

    def __call__(self, x, training):
        return ops.relu(self.bn(self.conv(x), training=training))


class Net(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.block1 = ConvBlock(32, 2)  # expect: SN208
        self.block2 = ConvBlock(64, 2)  # expect: SN208
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(classes)

    def call(self, x, training=None):
        x = self.block2(self.block1(x, training), training)
        return self.head(self.pool(x))


model = Net(12)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
train = keras.utils.image_dataset_from_directory("plants", image_size=(128, 128))
model.fit(train, epochs=20)
model.save_weights("plants.weights.h5")
