"""The embedded engine: blocks ordered and sealed in this process, in CometBFT's format."""
