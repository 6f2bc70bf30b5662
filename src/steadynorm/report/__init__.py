"""What comes out: the report itself, and its forms."""
