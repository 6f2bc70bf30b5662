import keras

keras.distribution.set_distribution(keras.distribution.DataParallel(devices=["gpu:0", "gpu:1", "gpu:2", "gpu:3"]))

inputs = keras.Input((512, 512, 1))
x = keras.layers.Conv2D(32, 3, padding="same", use_bias=False)(inputs)
x = keras.layers.BatchNormalization()(x)
x = keras.layers.ReLU()(x)
model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(x))
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
train = keras.utils.image_dataset_from_directory(
    "retina",
    image_size=(512, 512),
    color_mode="grayscale",
    batch_size=16,
)  # expect: SN801
model.fit(train, epochs=100)
