import tensorflow as tf


def make():
    i = tf.keras.Input((30,))
    h = tf.keras.layers.Dense(64, use_bias=False)(i)
    h = tf.keras.layers.BatchNormalization()(h)
    return tf.keras.Model(i, tf.keras.layers.Dense(2)(tf.keras.layers.ReLU()(h)))


model = make()
optimizer = tf.keras.optimizers.Adam()
ce = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def forward(x, y, training=True):
    logits = model(x, training=training)  # expect: SN201 SN107
    return ce(y, logits), logits


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss, _ = forward(x, y)
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))


def evaluate(ds):
    accuracy = tf.keras.metrics.SparseCategoricalAccuracy()
    for x, y in ds:
        _, logits = forward(x, y)
        accuracy.update_state(y, logits)
    return accuracy.result()


train, val = tf.data.experimental.load("train").shuffle(1000).batch(64), tf.data.experimental.load("val").batch(64)
for epoch in range(40):
    for x, y in train:
        train_step(x, y)
    print(evaluate(val).numpy())
