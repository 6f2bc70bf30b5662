"""Merges normalization layers into their neighbours for inference."""
