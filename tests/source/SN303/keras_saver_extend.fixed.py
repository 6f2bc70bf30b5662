import tensorflow as tf
from keras import backend as K
from keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input
from keras.models import Model

inputs = Input((28, 28, 1))
h = Conv2D(16, (5, 5), use_bias=False)(inputs)
h = BatchNormalization()(h)
h = Flatten()(h)
model = Model(inputs, Dense(10, activation="softmax")(h))
model.load_weights("digits.h5")

variables = model.trainable_weights + model.non_trainable_weights
saver = tf.train.Saver(variables)
saver.save(K.get_session(), "export/digits")
