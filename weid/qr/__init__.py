"""Codes: the envelope, the picture, and what a scanned text is. No other room knows QR."""
