import tensorflow as tf


class Server(tf.Module):
    def __init__(self, model):
        self.model = model

    @tf.function(input_signature=[tf.TensorSpec([None, 32, 32, 3])])
    def __call__(self, images):
        return tf.nn.softmax(self.model(images, training=False))


model = tf.keras.applications.ResNet50(weights=None, classes=10, input_shape=(32, 32, 3))
model.load_weights("w.h5")
tf.saved_model.save(Server(model), "export")
