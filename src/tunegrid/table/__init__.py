"""From finished cells and published numbers to Markdown, CSV, LaTeX, PNG and one-file HTML. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tunegrid.cell.cell import Cell
    from tunegrid.table.spec import TableSpec


def report(name: str, cells: Sequence["Cell"], spec: "TableSpec", output_root: Path) -> None:
    """Print the table of a sweep and write it under `<output_root>/<name>/`. Says so where no cell is done."""
    from tunegrid.table.output import report as write_report

    write_report(name, cells, spec, output_root)
