import numpy as np
from sklearn.model_selection import StratifiedKFold
from tensorflow import keras
from tensorflow.keras import layers


def build_model(n_features, n_classes):
    model = keras.Sequential(
        [
            layers.Dense(64, use_bias=False, input_shape=(n_features,)),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.3),
            layers.Dense(n_classes, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X, y = np.load("X.npy"), np.load("y.npy")
scores = []
for train, test in StratifiedKFold(n_splits=5, shuffle=True, random_state=7).split(X, y):
    model = build_model(X.shape[1], len(np.unique(y)))
    model.fit(X[train], y[train], epochs=150, batch_size=32, verbose=0)
    scores.append(model.evaluate(X[test], y[test], verbose=0)[1])
print(np.mean(scores), np.std(scores))
final = build_model(X.shape[1], len(np.unique(y)))
final.fit(X, y, epochs=150, batch_size=32)
final.save("final.h5")
