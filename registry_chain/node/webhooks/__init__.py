"""What a node sends to others when something came about: signed CloudEvents, in order (EV-10 …)."""
