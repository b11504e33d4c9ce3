"""The table as GitHub Markdown."""

from collections.abc import Sequence

from tunegrid.table.layout import (
    Grid,
    Text,
    cost_grids,
    difference_grid,
    plain,
    published_grids,
    score_grid,
    shared_grid,
    varying_grid,
)
from tunegrid.table.model import Table

SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#"})


def to_markdown(table: Table) -> str:
    """Scores, comparison with published numbers, costs, protocol."""
    parts = [f"# {escape(table.title)}", *_list(table.missing)]
    parts += [_grid(score_grid(table)), *_list(table.notes)]
    if table.protocol.published_source:
        parts += ["## Beside the published numbers", escape(f"Source: {table.protocol.published_source}")]
        difference = difference_grid(table)
        parts += [_titled(difference)] if difference else []
        parts += _list([f"Unknown: {line}" for line in table.protocol.published_unknown])
        parts += _list(table.protocol.published_notes)
        parts += [_titled(grid) for grid in published_grids(table)]
    parts += [*(_titled(grid, level=2) for grid in cost_grids(table)), "## Protocol", *_list(table.protocol.lines)]
    varying = varying_grid(table)
    parts += [_titled(varying)] if varying else []
    parts.append(_titled(shared_grid(table)))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return " ".join(text.split()).translate(SPECIAL)


def _titled(grid: Grid, level: int = 3) -> str:
    return f"{'#' * level} {escape(grid.title)}\n\n{_grid(grid)}"


def _grid(grid: Grid) -> str:
    rule = ["---"] + ["---:"] * (len(grid.header) - 1)
    lines = [map(escape, grid.header), rule, *(map(_cell, row) for row in grid.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: Text) -> str:
    return f"**{escape(cell.text)}**" if cell.is_best else escape(plain(cell))


def _list(lines: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {escape(line)}" for line in lines)] if lines else []
