"""Routes only translate: HTTP in, one call, a page out."""
