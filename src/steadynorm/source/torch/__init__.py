"""What PyTorch programs do about normalization."""
