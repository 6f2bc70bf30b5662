"""Source and target domain go through one feature extractor, one after the other."""

import tensorflow as tf

features = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(48, 5, use_bias=False, input_shape=(32, 32, 3)),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.ReLU(),
        tf.keras.layers.GlobalAveragePooling2D(),
    ]
)
classifier = tf.keras.layers.Dense(10)
domain = tf.keras.layers.Dense(1)
optimizer = tf.keras.optimizers.Adam(1e-3)
classes = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
domains = tf.keras.losses.BinaryCrossentropy(from_logits=True)

source = tf.data.experimental.load("svhn").shuffle(10000).repeat().batch(64)
target = tf.data.experimental.load("mnist32").shuffle(10000).repeat().batch(64)


@tf.function
def step(source_images, labels, target_images):
    with tf.GradientTape() as tape:
        source_features = features(source_images, training=True)
        target_features = features(target_images, training=True)  # expect: SN401
        loss = classes(labels, classifier(source_features))
        loss += domains(tf.ones((64, 1)), domain(source_features))
        loss += domains(tf.zeros((64, 1)), domain(target_features))
    variables = features.trainable_variables + classifier.trainable_variables + domain.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


for (images, labels), (others, _) in tf.data.Dataset.zip((source, target)).take(20000):
    step(images, labels, others)
features.save_weights("features.h5")
