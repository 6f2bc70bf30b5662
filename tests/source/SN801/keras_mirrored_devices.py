import tensorflow as tf

strategy = tf.distribute.MirroredStrategy(["GPU:0", "GPU:1", "GPU:2", "GPU:3"])
BATCH_SIZE = 16

(images, labels), _ = tf.keras.datasets.cifar10.load_data()
dataset = tf.data.Dataset.from_tensor_slices((images / 255.0, labels)).shuffle(50000)
dataset = dataset.batch(BATCH_SIZE)  # expect: SN801

with strategy.scope():
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Conv2D(64, 3, use_bias=False, input_shape=(32, 32, 3)),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.ReLU(),
            tf.keras.layers.GlobalAveragePooling2D(),
            tf.keras.layers.Dense(10),
        ]
    )
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(dataset, epochs=30)
