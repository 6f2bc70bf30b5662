"""TensorFlow in graph mode: the only folder that imports tensorflow.

The layers, the train op, the saver and the estimator of TensorFlow 1 with their names, arguments and variables, on
TensorFlow 2.16 and later, for graphs built with `tf.compat.v1`.
"""

from steadynorm.tensorflow.registry import LayerRecord, layers

__all__ = ["LayerRecord", "layers"]
