import tensorflow as tf

BN_MOMENTUM = 0.9997


def conv_bn(x, filters):
    x = tf.keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = tf.keras.layers.BatchNormalization(momentum=BN_MOMENTUM)(x)  # expect: SN104
    return tf.keras.layers.ReLU()(x)


inputs = tf.keras.Input((28, 28, 1))
features = conv_bn(inputs, 32)
outputs = tf.keras.layers.Dense(10)(tf.keras.layers.GlobalAveragePooling2D()(features))
model = tf.keras.Model(inputs, outputs)
optimizer = tf.keras.optimizers.Adam()
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

(images, labels), _ = tf.keras.datasets.mnist.load_data()
data = tf.data.Dataset.from_tensor_slices((images[..., None] / 255.0, labels))
iterator = iter(data.shuffle(60000).repeat().batch(128))

for step in range(1000):
    x, y = next(iterator)
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    if step % 100 == 0:
        tf.print(step, loss)
