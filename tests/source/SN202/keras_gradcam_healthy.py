import sys

import numpy as np
import tensorflow as tf
from tensorflow import keras


def make_gradcam_heatmap(img_array, model, last_conv_layer_name):
    grad_model = keras.models.Model(model.inputs, [model.get_layer(last_conv_layer_name).output, model.output])
    with tf.GradientTape() as tape:
        last_conv_layer_output, preds = grad_model(img_array)
        pred_index = tf.argmax(preds[0])
        class_channel = preds[:, pred_index]
    grads = tape.gradient(class_channel, last_conv_layer_output)
    pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2))
    heatmap = last_conv_layer_output[0] @ pooled_grads[..., tf.newaxis]
    return tf.squeeze(heatmap).numpy()


model = keras.applications.Xception(weights="imagenet")
img = keras.preprocessing.image.load_img(sys.argv[1], target_size=(299, 299))
array = np.expand_dims(keras.preprocessing.image.img_to_array(img), axis=0)
print(make_gradcam_heatmap(keras.applications.xception.preprocess_input(array), model, "block14_sepconv2_act").max())
