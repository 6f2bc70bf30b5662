"""TensorFlow in graph mode: the only folder that imports tensorflow.

The layers, the train op, the saver and the estimator of TensorFlow 1 with their names, arguments and variables, on
TensorFlow 2.16 and later, for graphs built with `tf.compat.v1`.
"""

from steadynorm.tensorflow.contrib_layer import batch_norm
from steadynorm.tensorflow.layer import BatchNormalization, batch_normalization
from steadynorm.tensorflow.registry import LayerRecord, layers

__all__ = ["BatchNormalization", "LayerRecord", "batch_norm", "batch_normalization", "layers"]
