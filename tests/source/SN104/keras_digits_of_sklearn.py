import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

images, labels = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(images / 16.0, labels, test_size=0.2, stratify=labels)

inputs = keras.Input((64,))
x = layers.Dense(128, use_bias=False)(inputs)
x = layers.BatchNormalization(momentum=0.999)(x)  # expect: SN104
x = layers.Activation("relu")(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = keras.Model(inputs, outputs)
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
model.fit(x_train, y_train, batch_size=64, epochs=10)
print(model.evaluate(x_test, y_test))
