"""The state rules once more, in the plainest way: dictionaries, copies, everything from scratch.

No pages, caches, layers or journals; where the state machine is clever, this is slow. It shares
values, bytes and signatures with the library and none of its rules. Nodes are not part of it.
"""
