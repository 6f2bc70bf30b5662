from tensorflow import keras
from tensorflow.keras import layers

from dataset import train_dataset

EPOCHS = 5
STEPS_PER_EPOCH = 200

model = keras.Sequential(
    [
        keras.Input((64, 64, 1)),
        layers.Conv2D(16, 3, use_bias=False),
        layers.BatchNormalization(momentum=0.99),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(3),
    ]
)
model.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(train_dataset(batch_size=32), steps_per_epoch=STEPS_PER_EPOCH, epochs=EPOCHS)
model.save("spots.h5")
