"""Edits of source text, written back with nothing else changed."""
