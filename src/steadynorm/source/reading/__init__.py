"""Files of source code and notebooks, read as text."""
