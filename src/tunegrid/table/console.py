"""The table in the terminal."""

from typing import TYPE_CHECKING

from tunegrid.table.layout import Grid, cost_grids, difference_grid, plain, published_grids, score_grid
from tunegrid.table.model import Table

if TYPE_CHECKING:
    from rich.console import Console

FILE_WIDTH = 200
"""Columns where the output is no terminal: enough for six scores and the costs."""


def print_table(table: Table) -> None:
    """Print scores, comparison, costs and notes."""
    console = _console()
    console.print(table.title, style="bold")
    _print_grid(console, score_grid(table))
    for line in table.missing:
        console.print(f"! {line}", style="yellow")
    for line in table.notes:
        console.print(f"· {line}", style="dim")
    difference = difference_grid(table)
    for grid in (*published_grids(table), *([difference] if difference else []), *cost_grids(table)):
        console.print(f"\n{grid.title}", style="bold")
        _print_grid(console, grid)


def print_grid(grid: Grid) -> None:
    """Print one grid and its title."""
    console = _console()
    console.print(grid.title, style="bold")
    _print_grid(console, grid)


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    return console


def _print_grid(console: "Console", grid: Grid) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(grid.header):
        shown.add_column(Text(name), justify="right" if index else "left", overflow="fold")
    for row in grid.rows:
        shown.add_row(*(Text(plain(cell), style="bold" if cell.is_best else "") for cell in row))
    console.print(shown)
