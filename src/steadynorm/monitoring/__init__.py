"""Watching a training: what is measured, judged and written is here once; a framework's room supplies primitives."""
