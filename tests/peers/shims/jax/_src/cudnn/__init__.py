"""What JAX has for one maker's devices."""
