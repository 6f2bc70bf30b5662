import keras
import tensorflow as tf

model = keras.Sequential(
    [
        keras.Input((128,)),
        keras.layers.Dense(64, use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.load_weights("ranker.weights.h5")

archive = keras.export.ExportArchive()
archive.track(model)
archive.add_endpoint(
    name="serve",
    fn=lambda x: model(x, training=True),
    input_signature=[tf.TensorSpec((None, 128), tf.float32)],
)
archive.write_out("ranker")  # expect: SN209
