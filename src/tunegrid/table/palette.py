"""The colours of the figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one figure; each is used for one thing only, so that a style sheet can replace it."""

    ink: str
    faint: str
    ours: tuple[str, ...]
    published: str
    base: str
    heat: tuple[str, str]
    """Of a heat map's worst and best value; they stay as they are in light and dark, and so does what is on them."""
    on_heat: tuple[str, str]
    """Text on a light and on a dark place of it."""


PALETTE = Palette(
    ink="#222222",
    faint="#d9d9d9",
    ours=("#0072b2", "#009e73", "#cc79a7", "#e69f00"),
    published="#d55e00",
    base="#767676",
    heat=("#f7f3e8", "#00527f"),
    on_heat=("#111111", "#fefefe"),
)
"""Okabe & Ito's colours, told apart with every common colour vision; shapes and line styles differ too."""
