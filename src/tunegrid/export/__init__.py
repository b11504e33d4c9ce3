"""A cell's model for use outside tunegrid."""
