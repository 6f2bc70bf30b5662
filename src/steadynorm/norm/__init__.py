"""What batch normalization is, in NumPy: its options, its arithmetic and its moments."""
