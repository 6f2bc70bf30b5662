import keras
from keras import layers


def gate(x, channels):
    g = layers.Conv2D(channels, 1, use_bias=False)(x)
    g = layers.BatchNormalization()(g)  # expect: SN502
    g = layers.Activation("sigmoid")(g)
    return layers.Multiply()([x, g])


def attention_net(classes):
    image = keras.Input((96, 96, 3))
    x = layers.Conv2D(64, 3, activation="relu")(image)
    x = gate(x, 64)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(classes)(x))


model = attention_net(20)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(keras.utils.image_dataset_from_directory("objects", image_size=(96, 96)), epochs=30)
