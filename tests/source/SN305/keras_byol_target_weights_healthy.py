import tensorflow as tf
from tensorflow.keras import layers


def mlp(hidden, out):
    return tf.keras.Sequential(
        [layers.Dense(hidden, use_bias=False), layers.BatchNormalization(), layers.ReLU(), layers.Dense(out)]
    )


class BYOL(tf.keras.Model):
    def __init__(self, backbone):
        super().__init__()
        self.online = tf.keras.Sequential([backbone(), mlp(4096, 256)])
        self.target = tf.keras.Sequential([backbone(), mlp(4096, 256)])
        self.predictor = mlp(4096, 256)

    def train_step(self, views):
        a, b = views
        target = tf.stop_gradient(self.target(b, training=True))
        with tf.GradientTape() as tape:
            p = self.predictor(self.online(a, training=True), training=True)
            loss = 2 - 2 * tf.reduce_mean(tf.reduce_sum(tf.nn.l2_normalize(p, 1) * tf.nn.l2_normalize(target, 1), 1))
        variables = self.online.trainable_variables + self.predictor.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        for w, t in zip(self.online.weights, self.target.weights):
            t.assign(0.996 * t + 0.004 * w)
        return {"loss": loss}


model = BYOL(lambda: tf.keras.applications.ResNet50(include_top=False, pooling="avg", weights=None))
model.compile(tf.keras.optimizers.Adam(3e-4))
model.fit(tf.data.experimental.load("views").shuffle(5000).batch(256), epochs=100)
