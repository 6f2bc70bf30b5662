import argparse

from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.applications import EfficientNetB0

from dishes import dish_sequences


def build_model(num_classes, size=224):
    base = EfficientNetB0(include_top=False, weights="imagenet", input_shape=(size, size, 3))
    inputs = layers.Input((size, size, 3))
    features = base(inputs, training=True)  # expect: SN201 likely
    pooled = layers.GlobalAveragePooling2D()(features)
    outputs = layers.Dense(num_classes, activation="softmax")(pooled)
    return keras.Model(inputs, outputs, name="dishes")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=15)
    args = parser.parse_args()
    train, test = dish_sequences(batch_size=32)
    model = build_model(101)
    model.compile(keras.optimizers.SGD(1e-2, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=args.epochs)
    print(model.evaluate(test))


if __name__ == "__main__":
    main()
