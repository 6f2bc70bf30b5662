import argparse

import cv2
import numpy as np
from tensorflow.keras.layers import BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input, ReLU
from tensorflow.keras.models import Model


def create_model(num_classes):
    inputs = Input(shape=(112, 112, 3))
    x = Conv2D(32, 3, strides=2, use_bias=False)(inputs)
    x = BatchNormalization()(x)
    x = ReLU()(x)
    x = GlobalAveragePooling2D()(x)
    return Model(inputs, Dense(num_classes, activation="softmax")(x))


ap = argparse.ArgumentParser()
ap.add_argument("--video", required=True)
ap.add_argument("--weights", default="weights.h5")
args = vars(ap.parse_args())
model = create_model(7)
model.load_weights(args["weights"])
cap = cv2.VideoCapture(args["video"])
while True:
    ok, frame = cap.read()
    if not ok:
        break
    face = cv2.resize(frame, (112, 112)).astype("float32") / 255.0
    preds = model.predict(np.expand_dims(face, axis=0), batch_size=1)[0]
    cv2.putText(frame, str(preds.argmax()), (10, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 255), 2)
    cv2.imshow("frame", frame)
