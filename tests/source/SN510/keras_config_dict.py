import yaml
from tensorflow.keras import layers, Model, Input

CONFIG = {"bn": {"momentum": 0.01, "epsilon": 1e-3}, "width": 64}


def conv_bn_act(x, width):
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(**CONFIG["bn"])(x)  # expect: SN510 likely
    return layers.Activation("swish")(x)


inp = Input((224, 224, 3))
out = layers.GlobalAveragePooling2D()(conv_bn_act(inp, CONFIG["width"]))
model = Model(inp, layers.Dense(1000)(out))
