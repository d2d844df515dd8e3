"""OpenID for Verifiable Credential Issuance 1.0: one file for each message, both sides."""
