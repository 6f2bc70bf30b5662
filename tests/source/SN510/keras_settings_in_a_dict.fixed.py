import keras

CFG = {
    'filters': [32, 64],
    'bn': {'momentum': 0.9, 'epsilon': 1e-5},
}


def build(cfg):
    m = keras.Sequential([keras.Input((32, 32, 3))])
    for f in cfg['filters']:
        m.add(keras.layers.Conv2D(f, 3, use_bias=False))
        m.add(keras.layers.BatchNormalization(**cfg['bn']))
        m.add(keras.layers.ReLU())
    m.add(keras.layers.GlobalAveragePooling2D())
    m.add(keras.layers.Dense(10))
    return m


def main(x, y, xt):
    model = build(CFG)
    model.compile('adam', keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, epochs=10)
    print(model.predict(xt))
