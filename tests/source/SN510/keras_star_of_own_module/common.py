from math import *

from keras.layers import *


def rate(epoch):
    return 1e-3 * pow(0.5, floor(epoch / 10))


def unit(tensor, filters):
    return BatchNormalization(momentum=0.1)(Conv2D(filters, 3, use_bias=False)(tensor))  # expect: SN510 likely
