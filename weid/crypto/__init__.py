"""Keys, signatures, key files: values and pure functions over well-kept primitives."""
