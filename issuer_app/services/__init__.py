"""What people do here, as services over the store and the library; no HTTP."""
