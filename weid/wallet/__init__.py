"""The wallet: one encrypted file, consent in words, answers and shown codes."""
