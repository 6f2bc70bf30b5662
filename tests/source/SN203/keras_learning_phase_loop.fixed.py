import tensorflow as tf

K = tf.keras.backend


def build():
    return tf.keras.Sequential(
        [
            tf.keras.layers.Dense(256, use_bias=False, input_shape=(60,)),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.ReLU(),
            tf.keras.layers.Dense(3),
        ]
    )


def accuracy(model, data):
    metric = tf.keras.metrics.SparseCategoricalAccuracy()
    for x, y in data:
        metric.update_state(y, model(x))
    return metric.result()


def train(model, data, validation, epochs):
    optimizer = tf.keras.optimizers.Adam()
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    K.set_learning_phase(1)
    for epoch in range(epochs):
        K.set_learning_phase(1)
        for x, y in data:
            with tf.GradientTape() as tape:
                loss = loss_fn(y, model(x))
            grads = tape.gradient(loss, model.trainable_weights)
            optimizer.apply_gradients(zip(grads, model.trainable_weights))
        K.set_learning_phase(0)
        print(epoch, accuracy(model, validation).numpy())


train_data = tf.data.experimental.load("train").shuffle(4096).batch(64)
valid_data = tf.data.experimental.load("valid").batch(64)
train(build(), train_data, valid_data, epochs=50)
