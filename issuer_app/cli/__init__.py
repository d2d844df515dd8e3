"""The command `issuer-app`: set up, look after users and tokens, serve."""
