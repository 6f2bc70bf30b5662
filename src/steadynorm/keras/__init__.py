"""Keras 3 on TensorFlow, JAX or PyTorch: the only folder that imports keras."""
