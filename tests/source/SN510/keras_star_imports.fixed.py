"""A U-Net for cell images, with everything imported by stars."""

from math import *

import numpy as np
from keras.layers import *
from keras.models import *
from keras.optimizers import *

from plotting import *


def down(tensor, filters):
    tensor = Conv2D(filters, 3, padding="same", use_bias=False)(tensor)
    tensor = BatchNormalization(momentum=0.9)(tensor)
    return Activation("relu")(tensor)


def unet(shape=(256, 256, 1), filters=16):
    image = Input(shape)
    first = down(image, filters)
    second = down(MaxPooling2D()(first), 2 * filters)
    merged = concatenate([UpSampling2D()(second), first])
    return Model(image, Conv2D(1, 1, activation="sigmoid")(down(merged, filters)))


if __name__ == "__main__":
    pixels, masks = np.load("pixels.npy"), np.load("masks.npy")
    model = unet()
    model.compile(optimizer=Adam(10 ** -floor(3.5)), loss="binary_crossentropy")
    history = model.fit(pixels, masks, epochs=40, validation_split=0.1)
    draw_curves(history)
