import numpy as np
from keras.layers import LSTM, BatchNormalization, Dense
from keras.models import Sequential

series = np.loadtxt("series.csv")
X, y = series[:-1].reshape(-1, 1, 1), series[1:]
model = Sequential()
model.add(LSTM(50, batch_input_shape=(32, 1, 1), stateful=True))
model.add(BatchNormalization())
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer="adam")
for i in range(100):
    model.fit(X, y, epochs=1, batch_size=32, verbose=0, shuffle=False)
    model.reset_states()
