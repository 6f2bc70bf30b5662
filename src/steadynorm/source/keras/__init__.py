"""What Keras programs do about normalization."""
