"""Engines: what orders transactions into blocks and seals them."""
