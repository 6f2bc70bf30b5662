import tensorflow as tf

model = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(16, 3, use_bias=False, input_shape=(64, 64, 3)),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.ReLU(),
        tf.keras.layers.GlobalAveragePooling2D(),
        tf.keras.layers.Dense(6, activation="softmax"),
    ]
)
model.load_weights("trained.h5")


@tf.function(input_signature=[tf.TensorSpec([None, 64, 64, 3], tf.float32)])
def serve(images):
    return {"probabilities": model(images, training=True)}


tf.saved_model.save(model, "export/1", signatures={"serving_default": serve})  # expect: SN209
