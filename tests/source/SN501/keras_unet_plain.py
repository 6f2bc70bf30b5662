from tensorflow.keras.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dropout,
    Input,
    MaxPool2D,
)
from tensorflow.keras.models import Model
from tensorflow.keras.callbacks import CSVLogger, ModelCheckpoint, ReduceLROnPlateau
import tensorflow as tf


def conv_block(inputs, num_filters):
    x = Conv2D(num_filters, 3, padding="same")(inputs)  # expect: SN501
    x = BatchNormalization()(x)
    x = Activation("relu")(x)
    x = Conv2D(num_filters, 3, padding="same")(x)  # expect: SN501
    x = BatchNormalization()(x)
    return Activation("relu")(x)


def encoder_block(inputs, num_filters):
    x = conv_block(inputs, num_filters)
    return x, MaxPool2D((2, 2))(x)


def decoder_block(inputs, skip, num_filters):
    x = Conv2DTranspose(num_filters, (2, 2), strides=2, padding="same")(inputs)
    x = Concatenate()([x, skip])
    return conv_block(x, num_filters)


def build_unet(input_shape):
    inputs = Input(input_shape)
    s1, p1 = encoder_block(inputs, 64)
    s2, p2 = encoder_block(p1, 128)
    b1 = conv_block(p2, 256)
    d1 = decoder_block(b1, s2, 128)
    d2 = decoder_block(d1, s1, 64)
    outputs = Conv2D(1, 1, padding="same", activation="sigmoid")(d2)
    return Model(inputs, outputs, name="UNET")


def tf_dataset(x, y, batch):
    ds = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(500)
    return ds.map(tf_parse).batch(batch).prefetch(2)  # expect: SN505


def tf_parse(x, y):
    return tf.io.decode_png(tf.io.read_file(x)) / 255, tf.io.decode_png(tf.io.read_file(y)) / 255


if __name__ == "__main__":
    import glob

    batch_size = 2
    train = tf_dataset(sorted(glob.glob("images/*")), sorted(glob.glob("masks/*")), batch=batch_size)
    model = build_unet((512, 512, 3))
    model.compile(loss="binary_crossentropy", optimizer=tf.keras.optimizers.Adam(1e-4))
    model.fit(train, epochs=100, callbacks=[ModelCheckpoint("model.h5"), ReduceLROnPlateau(), CSVLogger("log.csv")])
