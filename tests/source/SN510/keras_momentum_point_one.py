from tensorflow import keras
from tensorflow.keras import layers


def conv_bn_relu(x, filters, kernel_size):
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.1, epsilon=1e-5)(x)  # expect: SN510 likely
    return layers.ReLU()(x)


def create_model(classes):
    image = keras.Input((224, 224, 3))
    x = conv_bn_relu(image, 64, 7)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(classes)(x))


if __name__ == "__main__":
    create_model(1000).summary()
