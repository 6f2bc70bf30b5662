from tensorflow.keras import layers


def attention_scores(x, heads):
    scores = layers.Dense(heads, use_bias=False)(x)
    scores = layers.BatchNormalization()(scores)
    return layers.Activation("softmax")(scores)


def pooled(x, heads=8):
    return layers.Dot(axes=1)([attention_scores(x, heads), x])


sequence = layers.Input((120, 64))
features = layers.Flatten()(pooled(sequence))
