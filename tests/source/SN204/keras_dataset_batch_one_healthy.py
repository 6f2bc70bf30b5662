import keras
import tensorflow as tf


def make_classifier(width):
    image = keras.Input((256, 256, 3))
    h = keras.layers.Conv2D(width, 3, strides=4, activation="relu")(image)
    h = keras.layers.GlobalAveragePooling2D()(h)
    h = keras.layers.LayerNormalization()(h)
    return keras.Model(image, keras.layers.Dense(3)(h))


def parse(record):
    features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
    example = tf.io.parse_single_example(record, features)
    return tf.io.decode_png(example["image"], channels=3) / 255, example["label"]


records = tf.data.TFRecordDataset(tf.io.gfile.glob("slides/*.tfrecord"))
dataset = records.map(parse).shuffle(512).batch(1).prefetch(tf.data.AUTOTUNE)
model = make_classifier(32)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(dataset, epochs=12)
model.save("slides.keras")
