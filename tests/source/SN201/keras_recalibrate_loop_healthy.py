import tensorflow as tf

model = tf.keras.models.load_model("model.h5")
bn = tf.keras.layers.BatchNormalization()
net = tf.keras.Sequential([model, bn, tf.keras.layers.Dense(3)])
for x, _ in tf.data.experimental.load("train").batch(64).take(200):
    net(x, training=True)
net.save("recalibrated.h5")
