"""The `weid` command: one file for each noun; nothing is imported before it is used."""
