import tensorflow as tf
from tensorflow.keras import layers


def read(line):
    return tf.strings.to_number(tf.strings.split(line, ","), tf.int32), tf.strings.length(line) % 2


lines = tf.data.TextLineDataset("events.csv").map(read).shuffle(10000)
dataset = lines.padded_batch(64)

events = tf.keras.Input((None,), dtype="int32")
x = layers.Embedding(500, 32)(events)
x = layers.Conv1D(64, 3, padding="same", use_bias=False)(x)
x = layers.BatchNormalization()(x)  # expect: SN511
x = layers.ReLU()(x)
x = layers.GlobalMaxPooling1D()(x)
model = tf.keras.Model(events, layers.Dense(1)(x))
model.compile("adam", tf.keras.losses.BinaryCrossentropy(from_logits=True))
model.fit(dataset, epochs=10)
