"""Cutting a step of many cells into passes through the model, by the lengths of their rows alone. Imports no torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one cell that go through the model at once."""

    cell: int
    """The cell's place in its pack."""
    rows: slice
    tokens: int


def cut(cells: Sequence[Sequence[int]], limit: int, strict: bool) -> list[list[Piece]]:
    """Divide the cells' rows, given by their tokens, into passes of at most `limit` tokens, keeping their order.

    A cell is cut by its own rows alone, so its cuts, and with them the draws of its dropout, do not depend on its
    neighbours. A single row longer than `limit` makes a pass of its own. `strict`: no pass has rows of two cells.
    """
    filled: list[list[Piece]] = []
    room = 0
    for place, tokens in enumerate(cells):
        for piece in _pieces(place, tokens, limit):
            if strict or piece.tokens > room:
                filled.append([])
                room = limit
            filled[-1].append(piece)
            room -= piece.tokens
    return filled


def _pieces(cell: int, tokens: Sequence[int], limit: int) -> Iterator[Piece]:
    start, size = 0, 0
    for row, length in enumerate(tokens):
        if row > start and size + length > limit:
            yield Piece(cell, slice(start, row), size)
            start, size = row, 0
        size += length
    if tokens:
        yield Piece(cell, slice(start, len(tokens)), size)
