"""The command `registry-chain`: one file for each thing that an operator does."""
