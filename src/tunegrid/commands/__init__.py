"""`tunegrid WORD ...`: one module per word, each with `main(arguments) -> int`."""
