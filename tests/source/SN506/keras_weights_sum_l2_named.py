import tensorflow as tf
from tensorflow.keras import layers, regularizers

reg = regularizers.l2(1e-4)
model = tf.keras.Sequential()
for f in (32, 64):
    model.add(layers.Conv2D(f, 3, kernel_regularizer=reg, use_bias=False))
    model.add(layers.BatchNormalization(beta_regularizer=reg, gamma_regularizer=reg))  # expect: SN506
    model.add(layers.ReLU())
model.add(layers.GlobalAveragePooling2D())
model.add(layers.Dense(10))
model.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
