import numpy as np
import tensorflow as tf
import keras
from keras import backend


def session():
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True
    return tf.Session(config=config)


backend.set_session(session())
model = keras.models.load_model("resnet50.h5")
scores = model.predict(np.load("images.npy"))
print(scores.argmax(axis=1))
