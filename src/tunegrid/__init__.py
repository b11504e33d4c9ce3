"""Which way of adapting this language model is best, and is the difference real."""

__version__ = "0.1.0"
