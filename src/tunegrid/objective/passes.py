"""The passes of a step: which rows of which cells go through the model at once. Imports torch."""

from collections.abc import Sequence
from dataclasses import replace

from tunegrid.objective.cut import cut
from tunegrid.pack.batch import CellRows, Row


def tokens_of(row: Row) -> int:
    """Tokens a row brings to the model."""
    return len(row.prompt) + len(row.completion) - 1


def passes(cells: Sequence[CellRows], limit: int, strict: bool) -> list[list[CellRows]]:
    """The cells' rows in passes, as `cut` divides them."""
    divided = cut([[tokens_of(row) for row in cell.rows] for cell in cells], limit, strict)
    return [[replace(cells[piece.cell], rows=cells[piece.cell].rows[piece.rows]) for piece in one] for one in divided]
