"""Chain stores: what a node keeps, and the promises under which it keeps it."""
