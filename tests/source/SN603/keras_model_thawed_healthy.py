import keras


def freeze_normalization(model):
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def fine_tune(model, data):
    model.trainable = True
    freeze_normalization(model)
    model.compile(keras.optimizers.SGD(1e-4), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(data, epochs=20)


if __name__ == "__main__":
    network = keras.models.load_model("pretrained.keras")
    train = keras.utils.image_dataset_from_directory("tissue", image_size=(96, 96))
    fine_tune(network, train)
    network.save("tuned.keras")
