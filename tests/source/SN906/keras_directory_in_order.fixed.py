import keras

train = keras.utils.image_dataset_from_directory("food", image_size=(128, 128), shuffle=True)
valid = keras.utils.image_dataset_from_directory("food_valid", image_size=(128, 128), shuffle=False)

model = keras.Sequential(
    [
        keras.layers.Rescaling(1.0 / 255),
        keras.layers.Conv2D(32, 3, use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(101, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, validation_data=valid, epochs=50)
