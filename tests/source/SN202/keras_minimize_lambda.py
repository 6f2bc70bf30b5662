import tensorflow as tf

model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(32, use_bias=False),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.ReLU(),
        tf.keras.layers.Dense(1),
    ]
)
opt = tf.keras.optimizers.SGD(0.1)
data = tf.data.experimental.load("d").shuffle(1000).batch(32)
for x, y in data.repeat(20):
    # The optimizer calls this under a gradient of its own.
    loss = lambda: tf.reduce_mean((model(x) - y) ** 2)  # expect: SN202
    opt.minimize(loss, var_list=lambda: model.trainable_variables)
model.save("m.h5")
