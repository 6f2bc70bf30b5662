"""Everything but the head is loaded by its name; the layers are named."""

from keras.layers import Activation, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input
from keras.models import Model


def network(classes):
    image = Input((224, 224, 3))
    x = Conv2D(64, 7, strides=2, use_bias=False, name="conv1")(image)
    x = BatchNormalization(name="bn_conv1")(x)
    x = Activation("relu")(x)
    x = GlobalAveragePooling2D()(x)
    return Model(image, Dense(classes, activation="softmax", name="fc%d" % classes)(x))


model = network(17)
model.load_weights("resnet_imagenet.h5", by_name=True, skip_mismatch=True)
model.compile("adam", "categorical_crossentropy")
model.save("start.h5")
