"""What Flax and Equinox programs do about normalization."""
