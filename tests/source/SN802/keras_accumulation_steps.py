import keras

inputs = keras.Input((384, 384, 3))
x = keras.layers.Conv2D(64, 3, strides=2, use_bias=False)(inputs)
x = keras.layers.BatchNormalization()(x)
x = keras.layers.ReLU()(x)
x = keras.layers.GlobalAveragePooling2D()(x)
model = keras.Model(inputs, keras.layers.Dense(1000)(x))
optimizer = keras.optimizers.Adam(1e-3, gradient_accumulation_steps=4)  # expect: SN802
model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(keras.utils.image_dataset_from_directory("imagenet", image_size=(384, 384)), epochs=90)
