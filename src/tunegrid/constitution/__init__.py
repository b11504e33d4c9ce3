"""Rules that a model criticises and revises its own answers by (Bai et al. 2022, arXiv 2212.08073)."""
