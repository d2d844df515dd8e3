"""What the state commits to: a sparse Merkle tree, an operation log, complete lists. Pure."""
