"""Mends checkpoints: new statistics in a copy of the file, other names for another framework. No input is changed."""
