import tensorflow as tf

(x, y), (x_test, y_test) = tf.keras.datasets.cifar10.load_data()
train = tf.data.Dataset.from_tensor_slices((x / 255.0, y))
train = train.batch(128).prefetch(tf.data.AUTOTUNE)  # expect: SN906
test = tf.data.Dataset.from_tensor_slices((x_test / 255.0, y_test)).batch(128)

inputs = tf.keras.Input((32, 32, 3))
h = tf.keras.layers.Conv2D(32, 3, use_bias=False)(inputs)
h = tf.keras.layers.BatchNormalization()(h)
h = tf.keras.layers.ReLU()(h)
h = tf.keras.layers.GlobalAveragePooling2D()(h)
model = tf.keras.Model(inputs, tf.keras.layers.Dense(10)(h))
model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.fit(train, validation_data=test, epochs=20)
