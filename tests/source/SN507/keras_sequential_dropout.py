from tensorflow import keras
from tensorflow.keras import layers

model = keras.Sequential(
    [
        keras.Input((200,)),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.BatchNormalization(),  # expect: SN507
        layers.Dense(2, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy")
model.summary()
