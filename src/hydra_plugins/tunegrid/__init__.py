"""Hydra finds its plugins here; what they do is in `tunegrid.sweep`."""
