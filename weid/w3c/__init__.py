"""W3C credentials (VCDM 2.0): Data Integrity, VC-JOSE-COSE (JOSE), Bitstring Status List."""
