import keras
from keras import layers


def build(classes):
    inputs = keras.Input((64,))
    x = layers.Dense(256, use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("gelu")(x)
    return keras.Model(inputs, layers.Dense(classes)(x))


model = build(30)
optimizer = keras.optimizers.AdamW(learning_rate=1e-3, weight_decay=0.05)  # expect: SN506
model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.summary()
