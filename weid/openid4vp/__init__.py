"""OpenID for Verifiable Presentations 1.0: requests and responses, one file for each message."""
