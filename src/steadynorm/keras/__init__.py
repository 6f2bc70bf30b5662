"""Keras 3 on TensorFlow, JAX or PyTorch: the only folder that imports keras."""

from steadynorm.keras.batch_normalization import BatchNormalization

__all__ = ["BatchNormalization"]
