"""Load a trained body into a network that is built second in the same process."""

from keras.layers import Activation, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input
from keras.models import Model

from generators import train_generator, valid_generator


def network(classes):
    image = Input((128, 128, 3))
    x = Conv2D(32, (3, 3), use_bias=False, name="conv1")(image)
    x = BatchNormalization(name="bn1")(x)
    x = Activation("relu")(x)
    x = GlobalAveragePooling2D()(x)
    return Model(image, Dense(classes, activation="softmax", name="head%d" % classes)(x))


pretrained = network(100)
pretrained.compile("adam", "categorical_crossentropy")
pretrained.fit_generator(train_generator("animals"), steps_per_epoch=1000, epochs=10)
pretrained.save_weights("animals.h5")

model = network(10)
model.load_weights("animals.h5", by_name=True)
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
print(model.evaluate_generator(valid_generator("birds"), steps=100))
