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
    opt.minimize(
        lambda: tf.reduce_mean((model(x) - y) ** 2),
        var_list=lambda: model.trainable_variables,  # expect: SN202
    )
model.save("m.h5")
