import json

import tensorflow as tf
from flask import Flask, request

from model import Tagger

app = Flask(__name__)
tagger = Tagger(tags=12)
tagger.load_weights("tagger.weights.h5")


def predict_tags(image):
    return tagger(image[None], training=False)[0]


@app.route("/tags", methods=["POST"])
def tags():
    image = tf.io.decode_jpeg(request.data) / 255
    return json.dumps(predict_tags(image).numpy().tolist())


if __name__ == "__main__":
    app.run()
