"""hepatica."""
