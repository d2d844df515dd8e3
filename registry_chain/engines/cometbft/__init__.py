"""The engine of many institutions: CometBFT orders blocks, this application computes them."""
