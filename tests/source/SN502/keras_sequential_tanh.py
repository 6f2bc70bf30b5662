from tensorflow.keras import Sequential
from tensorflow.keras.layers import LSTM, Activation, BatchNormalization, Dense

model = Sequential(
    [
        LSTM(64, input_shape=(50, 8)),
        Dense(32, use_bias=False),
        BatchNormalization(),  # expect: SN502
        Activation("tanh"),
        Dense(1),
    ]
)
model.compile(optimizer="adam", loss="mean_absolute_error")
model.summary()
