import keras
import numpy as np
import tensorflow as tf

images, labels = np.load("defects_x.npy"), np.load("defects_y.npy")
encoder = keras.applications.MobileNetV2(input_shape=(160, 160, 3), include_top=False, pooling="avg")
head = keras.Sequential([keras.Input((1280,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(5)])
optimizer = keras.optimizers.Adam(1e-3)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images)).batch(32)

for epoch in range(20):
    for x, y in dataset:
        features = encoder(x, training=True)  # expect: SN601
        with tf.GradientTape() as tape:
            loss = loss_fn(y, head(features))
        grads = tape.gradient(loss, head.trainable_variables)
        optimizer.apply_gradients(zip(grads, head.trainable_variables))
    print(epoch, float(loss))
head.save("head.keras")
encoder.save("encoder.keras")
