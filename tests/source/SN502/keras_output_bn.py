import pandas as pd
import tensorflow as tf
from sklearn.model_selection import train_test_split

df = pd.read_csv("churn.csv")
X_train, X_test, y_train, y_test = train_test_split(df.drop("churn", axis=1).values, df["churn"].values, test_size=0.2)
model = tf.keras.models.Sequential()
model.add(tf.keras.layers.Dense(64, activation="relu", input_dim=X_train.shape[1]))
model.add(tf.keras.layers.Dense(1, use_bias=False))
model.add(tf.keras.layers.BatchNormalization())  # expect: SN502
model.add(tf.keras.layers.Activation("sigmoid"))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["AUC"])
model.fit(X_train, y_train, epochs=20, batch_size=128)
print(model.evaluate(X_test, y_test))
