"""A node's face: the HTTP API that proves its answers, and the explorer pages over it."""
