import keras_tuner
from tensorflow import keras
from tensorflow.keras import layers


def build_model(hp):
    model = keras.Sequential()
    model.add(layers.Flatten(input_shape=(28, 28)))
    for i in range(hp.Int("num_layers", 1, 3)):
        model.add(layers.Dense(hp.Int(f"units_{i}", 32, 512, 32), use_bias=False))
        model.add(layers.BatchNormalization(momentum=hp.Choice("momentum", [0.9, 0.99])))
        model.add(layers.Activation(hp.Choice("activation", ["relu", "tanh"])))
        if hp.Boolean("dropout"):
            model.add(layers.Dropout(rate=0.25))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(hp.Float("lr", 1e-4, 1e-2, sampling="log")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
tuner = keras_tuner.RandomSearch(build_model, objective="val_accuracy", max_trials=3)
tuner.search(x_train, y_train, epochs=2, validation_split=0.2)
best = tuner.get_best_models()[0]
print(best.evaluate(x_test, y_test))
