"""Cutting a step of many cells into passes through the model. Imports torch."""

from collections.abc import Sequence

from tunegrid.pack.batch import CellRows, Row


def tokens_of(row: Row) -> int:
    """Tokens a row brings to the model."""
    return len(row.prompt) + len(row.completion) - 1


def passes(cells: Sequence[CellRows], limit: int, strict: bool) -> list[list[CellRows]]:
    """Divide the cells' rows into passes of at most `limit` tokens, keeping their order.

    A cell is cut by its own rows alone, so its cuts, and with them the draws of its dropout, do not depend on its
    neighbours. A single row longer than `limit` makes a pass of its own.
    """
    filled: list[list[CellRows]] = []
    room = 0
    for cell in cells:
        for piece in _cut(cell, limit):
            size = sum(map(tokens_of, piece.rows))
            if strict or size > room:
                filled.append([])
                room = limit
            filled[-1].append(piece)
            room -= size
    return filled


def _cut(cell: CellRows, limit: int) -> list[CellRows]:
    pieces: list[list[Row]] = []
    room = 0
    for row in cell.rows:
        if tokens_of(row) > room:
            pieces.append([])
            room = limit
        pieces[-1].append(row)
        room -= tokens_of(row)
    return [CellRows(cell.name, rows, cell.generator) for rows in pieces]
