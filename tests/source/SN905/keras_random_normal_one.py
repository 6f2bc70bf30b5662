from tensorflow.keras import Input, Model, initializers, layers

init = initializers.RandomNormal(stddev=1.0)  # expect: SN905


def block(x, filters):
    x = layers.Conv2D(filters, 3, kernel_initializer=init, use_bias=False)(x)
    x = layers.BatchNormalization(gamma_initializer=initializers.RandomNormal(1.0, 0.02))(x)
    return layers.ReLU()(x)


image = Input((64, 64, 3))
features = block(image, 64)
logits = layers.Dense(10)(layers.GlobalAveragePooling2D()(features))
model = Model(image, logits)
