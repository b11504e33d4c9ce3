"""Several cells on one frozen base: each row of a batch goes through its own cell's adapter."""
