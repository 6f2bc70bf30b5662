import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

NUM_POINTS, BATCH_SIZE = 2048, 32


def conv_bn(x, filters):
    x = layers.Conv1D(filters, kernel_size=1, padding="valid")(x)  # expect: SN501
    x = layers.BatchNormalization(momentum=0.0)(x)
    return layers.Activation("relu")(x)


def dense_bn(x, filters):
    x = layers.Dense(filters)(x)  # expect: SN501
    x = layers.BatchNormalization(momentum=0.0)(x)
    return layers.Activation("relu")(x)


inputs = keras.Input(shape=(NUM_POINTS, 3))
x = conv_bn(inputs, 32)
x = conv_bn(x, 64)
x = layers.GlobalMaxPooling1D()(x)
x = dense_bn(x, 256)
x = layers.Dropout(0.3)(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = keras.Model(inputs=inputs, outputs=outputs, name="pointnet")
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=keras.optimizers.Adam(learning_rate=0.001),
    metrics=["sparse_categorical_accuracy"],
)
train = tf.data.experimental.load("train_points").shuffle(4000).batch(BATCH_SIZE)
model.fit(train, epochs=20)
