import tensorflow as tf


def make(classes):
    i = tf.keras.Input((64, 64, 3))
    h = tf.keras.layers.Conv2D(32, 3, use_bias=False)(i)
    h = tf.keras.layers.BatchNormalization()(h)
    h = tf.keras.layers.ReLU()(h)
    return tf.keras.Model(i, tf.keras.layers.Dense(classes)(tf.keras.layers.GlobalAveragePooling2D()(h)))


model = make(10)
model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
ckpt = tf.keras.callbacks.ModelCheckpoint("best.h5", save_best_only=True, save_weights_only=True)
train = tf.keras.utils.image_dataset_from_directory("train", image_size=(64, 64))
val = tf.keras.utils.image_dataset_from_directory("val", image_size=(64, 64))
model.fit(train, validation_data=val, epochs=50, callbacks=[ckpt])
best = make(10)
best.load_weights("best.h5")
best.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
print(best.evaluate(val))
