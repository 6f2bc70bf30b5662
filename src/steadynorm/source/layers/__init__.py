"""What programs do whose layers are objects that are called: shared by Keras and JAX."""
