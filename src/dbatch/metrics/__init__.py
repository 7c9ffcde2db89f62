"""Performance as numbers: pure functions of arrays."""
