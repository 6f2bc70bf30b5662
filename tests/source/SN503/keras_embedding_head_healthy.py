import keras
from keras import layers, ops


class ArcFace(keras.Model):
    def __init__(self, backbone, dim=512):
        super().__init__()
        self.backbone = backbone
        self.fc = layers.Dense(dim, use_bias=False)
        self.bn = layers.BatchNormalization(scale=False, center=False)

    def call(self, x, training=None):
        return self.bn(self.fc(self.backbone(x, training=training)), training=training)


model = ArcFace(keras.applications.MobileNetV2(include_top=False, pooling="avg", weights=None))
model.compile("adam", loss=lambda y, e: ops.mean(ops.square(y - e)))
model.fit(keras.utils.image_dataset_from_directory("faces", image_size=(112, 112)), epochs=5)
