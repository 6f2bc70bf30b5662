"""What programs in TensorFlow's graph mode do about normalization."""
