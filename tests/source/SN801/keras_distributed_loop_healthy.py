import tensorflow as tf
from tensorflow.keras import layers

GLOBAL_BATCH = 32
strategy = tf.distribute.MirroredStrategy(devices=[f"/gpu:{i}" for i in range(8)])


def load():
    data = tf.data.experimental.load("depth").shuffle(4000)
    return data.batch(GLOBAL_BATCH, drop_remainder=True)


with strategy.scope():
    image = layers.Input((480, 640, 3))
    h = layers.Conv2D(32, 3, padding="same", use_bias=False)(image)
    h = layers.experimental.SyncBatchNormalization()(h)
    h = layers.ReLU()(h)
    model = tf.keras.Model(image, layers.Conv2D(1, 3, padding="same")(h))
    optimizer = tf.keras.optimizers.Adam(1e-4)


def replica_step(x, y):
    with tf.GradientTape() as tape:
        error = tf.abs(model(x, training=True) - y)
        loss = tf.reduce_sum(error) / GLOBAL_BATCH
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


@tf.function
def train_step(batch):
    return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(replica_step, args=batch), axis=None)


for epoch in range(60):
    for batch in strategy.experimental_distribute_dataset(load()):
        loss = train_step(batch)
    tf.print(epoch, loss)
