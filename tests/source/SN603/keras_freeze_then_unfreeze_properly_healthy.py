import tensorflow as tf

base = tf.keras.applications.EfficientNetB0(include_top=False, weights="imagenet", pooling="avg")
base.trainable = False
model = tf.keras.Sequential([base, tf.keras.layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
train = tf.keras.utils.image_dataset_from_directory("train", image_size=(224, 224))
model.fit(train, epochs=5)
for layer in base.layers[-20:]:
    if not isinstance(layer, tf.keras.layers.BatchNormalization):
        layer.trainable = True
model.compile(tf.keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy")
model.fit(train, epochs=10)
