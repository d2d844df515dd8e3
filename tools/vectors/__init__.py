"""Our own test vectors, made from the code and compared on every check."""
