import tensorflow as tf
from keras import backend as K
from keras.applications.resnet50 import ResNet50, preprocess_input
from keras.preprocessing import image
import numpy as np


def load_network():
    sess = tf.Session()
    K.set_session(sess)
    model = ResNet50(weights="imagenet")
    sess.run(tf.global_variables_initializer())  # expect: SN306
    return sess, model


def read(path):
    pixels = image.img_to_array(image.load_img(path, target_size=(224, 224)))
    return preprocess_input(pixels[np.newaxis])


if __name__ == "__main__":
    sess, model = load_network()
    print(model.predict(read("elephant.jpg")).argmax())
