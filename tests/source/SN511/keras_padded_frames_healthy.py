import keras
import numpy as np
import tensorflow as tf


class FrameEncoder(keras.Model):
    def __init__(self, width):
        super().__init__()
        self.project = keras.layers.Dense(width, use_bias=False)
        self.norm = keras.layers.LayerNormalization()
        self.rnn = keras.layers.GRU(width)
        self.out = keras.layers.Dense(6)

    def call(self, frames, training=None):
        h = self.norm(self.project(frames), training=training)
        return self.out(self.rnn(keras.ops.relu(h)))


archive = np.load("gestures.npz", allow_pickle=True)
frames = keras.utils.pad_sequences(archive["frames"], maxlen=120, dtype="float32", padding="post")
data = tf.data.Dataset.from_tensor_slices((frames, archive["labels"])).shuffle(4096).batch(32)
model = FrameEncoder(64)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(data, epochs=60)
