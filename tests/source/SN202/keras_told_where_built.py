"""The mode is told the base where it is built, and nothing tells the head's own layer."""
import tensorflow as tf
from tensorflow import keras

from photos import batches

base = keras.applications.ResNet50(include_top=False, weights=None, pooling="avg")
inputs = keras.Input((224, 224, 3))
h = base(inputs, training=True)
h = keras.layers.Dense(256, use_bias=False)(h)
h = keras.layers.ReLU()(keras.layers.BatchNormalization()(h))
model = keras.Model(inputs, keras.layers.Dense(10)(h))

optimizer = keras.optimizers.Adam()
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
for images, labels in batches(64):
    with tf.GradientTape() as tape:
        loss = loss_fn(labels, model(images))  # expect: SN202
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
model.save_weights("photos.weights.h5")
