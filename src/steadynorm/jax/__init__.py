"""JAX: the only folder that imports jax."""
