import tensorflow as tf
from tensorflow.keras.models import Model
import numpy as np

base = tf.keras.applications.ResNet50(weights="imagenet")
extractor = Model(inputs=base.input, outputs=base.get_layer("avg_pool").output)
features = []
for path in tf.io.gfile.glob("images/*.jpg"):
    img = tf.keras.utils.load_img(path, target_size=(224, 224))
    x = tf.keras.applications.resnet50.preprocess_input(np.expand_dims(tf.keras.utils.img_to_array(img), 0))
    features.append(extractor(x, training=False).numpy().flatten())
np.save("features.npy", np.array(features))
