"""What tests share: clause marks and worlds built from real parts."""
