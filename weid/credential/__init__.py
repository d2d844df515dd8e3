"""Credentials as values: SD-JWT, the SD-JWT VC profile, key binding, status lists, templates.

Nothing here asks a registry or opens a socket; whose key and which list count is decided above.
"""
