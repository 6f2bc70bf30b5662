import tensorflow as tf
from tensorflow.keras import layers

ACCUMULATE = 8
model = tf.keras.Sequential(
    [
        layers.Conv2D(32, 3, use_bias=False, input_shape=(256, 256, 3)),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(4),
    ]
)
optimizer = tf.keras.optimizers.Adam()
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
data = tf.data.experimental.load("tiles").shuffle(1000).repeat(20).batch(16)  # expect: SN802

total = [tf.zeros_like(v) for v in model.trainable_variables]
for step, (x, y) in enumerate(data):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True)) / ACCUMULATE
    grads = tape.gradient(loss, model.trainable_variables)
    total = [t + g for t, g in zip(total, grads)]
    if (step + 1) % ACCUMULATE == 0:
        optimizer.apply_gradients(zip(total, model.trainable_variables))
        total = [tf.zeros_like(v) for v in model.trainable_variables]
