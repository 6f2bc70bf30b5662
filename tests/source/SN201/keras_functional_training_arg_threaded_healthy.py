import tensorflow as tf
from tensorflow.keras import layers


def resnet_block(inputs, filters, training):
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x, training=training)
    x = layers.ReLU()(x)
    return layers.Add()([x, layers.Conv2D(filters, 1)(inputs)])


def build(training):
    inp = layers.Input((32, 32, 3))
    x = resnet_block(inp, 32, training)
    return tf.keras.Model(inp, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


train_model = build(None)
train_model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
train_model.fit(tf.data.experimental.load("d").shuffle(1000).batch(32), epochs=10)
print(train_model.evaluate(tf.data.experimental.load("t").batch(32)))
