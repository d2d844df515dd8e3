"""Uploaded files: from bytes that may be anything to rows with findings; no store, no HTTP."""
