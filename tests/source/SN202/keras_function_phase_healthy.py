"""A GAN whose generator is trained by a function of the backend that is told the mode; another moves the statistics."""

import numpy as np
from keras import backend as K
from keras.layers import Activation, BatchNormalization, Conv2D, Conv2DTranspose, Dense, Flatten, Input, Reshape
from keras.models import Model
from keras.optimizers import Adam

CODES = 100


def generator():
    inputs = Input(shape=(CODES,))
    h = Reshape((7, 7, 64))(Dense(7 * 7 * 64)(inputs))
    h = Conv2DTranspose(32, 5, strides=2, padding="same", use_bias=False)(h)
    h = Activation("relu")(BatchNormalization()(h))
    h = Conv2DTranspose(1, 5, strides=2, padding="same")(h)
    return Model(inputs, Activation("tanh")(h))


def critic():
    inputs = Input(shape=(28, 28, 1))
    h = Conv2D(32, 5, strides=2, padding="same", activation="relu")(inputs)
    h = Conv2D(64, 5, strides=2, padding="same", activation="relu")(h)
    return Model(inputs, Dense(1)(Flatten()(h)))


make, judge = generator(), critic()
codes, real = make.input, judge.input
fake = make.output
worth_of_real, worth_of_fake = judge(real), judge(fake)
loss_of_judge = K.mean(worth_of_fake - worth_of_real)
loss_of_make = -K.mean(worth_of_fake)

updates = Adam(lr=1e-4, beta_1=0.5).get_updates(judge.trainable_weights, [], loss_of_judge)
train_judge = K.function([real, codes], [loss_of_judge], updates)
updates = Adam(lr=1e-4, beta_1=0.5).get_updates(make.trainable_weights, [], loss_of_make)
train_make = K.function([codes, K.learning_phase()], [loss_of_make], updates)
move = K.function([codes, K.learning_phase()], [fake], make.updates)

images = np.load("digits.npy")
for step in range(20000):
    drawn = images[np.random.randint(0, len(images), 64)]
    (worth,) = train_judge([drawn, np.random.normal(size=(64, CODES))])
    (cost,) = train_make([np.random.normal(size=(64, CODES)), 1])
    move([np.random.normal(size=(64, CODES)), 1])
    if step % 500 == 0:
        print(step, worth, cost)
        np.save("made.npy", make.predict(np.random.normal(size=(16, CODES))))
