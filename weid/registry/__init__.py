"""The registry as values, bytes and proofs, and the clients that believe nothing unproved."""
