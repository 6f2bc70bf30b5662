from tensorflow.keras.datasets import imdb
from tensorflow.keras.layers import BatchNormalization, Dense, Embedding, GlobalAveragePooling1D, ReLU
from tensorflow.keras.models import Sequential
from tensorflow.keras.preprocessing.sequence import pad_sequences

(x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=10000)
x_train, x_test = pad_sequences(x_train, maxlen=250), pad_sequences(x_test, maxlen=250)

model = Sequential()
model.add(Embedding(10000, 32, input_length=250))
model.add(GlobalAveragePooling1D())
model.add(Dense(16, use_bias=False))
model.add(BatchNormalization())
model.add(ReLU())
model.add(Dense(1, activation="tanh"))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])  # expect: SN903
model.fit(x_train, y_train, batch_size=128, epochs=4, validation_data=(x_test, y_test))
