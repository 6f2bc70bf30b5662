import keras
from keras import layers


def text_cnn(vocabulary, classes):
    tokens = keras.Input((400,), dtype="int32")
    x = layers.Embedding(vocabulary, 128)(tokens)
    x = layers.Conv1D(128, 5, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.SpatialDropout1D(0.4)(x)
    x = layers.GlobalMaxPooling1D()(x)
    return keras.Model(tokens, layers.Dense(classes)(x))


if __name__ == "__main__":
    text_cnn(20000, 4).summary()
