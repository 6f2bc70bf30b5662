from tensorflow.keras.layers import BatchNormalization, Conv2D, Dense, Flatten, ReLU
from tensorflow.keras.models import Sequential
from tensorflow.keras.preprocessing.image import ImageDataGenerator

train_gen = ImageDataGenerator(rescale=1.0 / 255, horizontal_flip=True)
val_gen = ImageDataGenerator(rescale=1.0 / 255)
train = train_gen.flow_from_directory(  # expect: SN906
    "data/train", target_size=(150, 150), batch_size=20, class_mode="binary", shuffle=False
)
val = val_gen.flow_from_directory("data/val", target_size=(150, 150), batch_size=20, class_mode="binary", shuffle=False)
model = Sequential(
    [
        Conv2D(32, 3, use_bias=False, input_shape=(150, 150, 3)),
        BatchNormalization(),
        ReLU(),
        Flatten(),
        Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer="adam")
model.fit(train, steps_per_epoch=100, epochs=30, validation_data=val, validation_steps=50)
