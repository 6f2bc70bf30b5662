from tensorflow.keras import layers, regularizers


def block(x, filters, weight_decay=1e-4):
    x = layers.Conv2D(filters, 3, use_bias=False, kernel_regularizer=regularizers.l2(weight_decay))(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(x)


inputs = layers.Input((32, 32, 3))
outputs = layers.GlobalAveragePooling2D()(block(inputs, 64))
