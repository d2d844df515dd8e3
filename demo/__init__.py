"""The whole system on this machine, with the main job done in front of the reader."""
