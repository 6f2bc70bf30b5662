"""Source code and notebooks: what is read, what it does, and what is written back. Nothing in it is ever run."""
