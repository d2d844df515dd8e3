"""DIDs, DID documents and their resolution; knows a registry only by a protocol of its own."""
