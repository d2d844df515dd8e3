"""Tools of the house that no user needs at run time."""
