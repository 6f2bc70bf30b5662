"""Reads what a training run leaves behind, without a framework and without running anything of it."""
