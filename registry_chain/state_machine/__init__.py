"""The rules of the registry as functions of values: no clock, no randomness, no I/O."""
