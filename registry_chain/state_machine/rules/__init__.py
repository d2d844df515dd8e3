"""One file for each family of operations; each rule reads, checks, writes and returns."""
