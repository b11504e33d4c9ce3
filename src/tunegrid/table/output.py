"""Build a table from cells, print it, write its files."""

import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from tunegrid.atomic import remove_parts, sole_writer, write_atomically
from tunegrid.errors import ConfigError
from tunegrid.table.build import build_table
from tunegrid.table.cells import CellRecord, load_cell
from tunegrid.table.html import to_html
from tunegrid.table.latex import to_latex
from tunegrid.table.markdown import to_markdown
from tunegrid.table.model import Table
from tunegrid.table.published import read_published
from tunegrid.table.records import to_csv, to_json
from tunegrid.table.spec import TableSpec

if TYPE_CHECKING:
    from tunegrid.cell.cell import Cell

NAME = "table"
"""Of every file of a table, its ending apart."""
FORMATS = {"json": to_json, "md": to_markdown, "tex": to_latex, "csv": to_csv, "html": to_html}
"""What `tunegrid table --format` knows."""
FILES = ("md", "csv", "tex", "html")
"""The text forms written beside table.png."""
DECISIVE = ("csv", "md")
"""Forms that between them hold every number and every word of a table."""


def report(name: str, cells: Sequence["Cell"], spec: TableSpec, output_root: Path) -> None:
    """Print the table of a sweep and write it under `<output_root>/<name>/`. Says so where no cell is done."""
    records = load_cells(cells)
    if not any(record.is_done for record in records):
        print(f"{name}: no table, none of {len(records)} cells is done", file=sys.stderr)
        return
    show(table_of(name, records, spec, "the same command again"), spec, output_root)


def load_cells(cells: Sequence["Cell"]) -> list[CellRecord]:
    """Read the results of a grid, in its order. Says on stderr which cells are damaged."""
    records = [load_cell(cell.id, cell.config, cell.folder) for cell in cells]
    for record in records:
        if record.damage is not None:
            print(record.damage, file=sys.stderr)
    return records


def table_of(name: str, records: Sequence[CellRecord], spec: TableSpec, how_to_run: str) -> Table:
    """Put records and the published numbers together."""
    published = read_published(find_published(spec.published)) if spec.published else None
    return build_table(name, spec, records, published, how_to_run)


def find_published(name: str) -> Path | Traversable:
    """A file of published numbers: as given, in ./experiments/, or among those that ship with tunegrid."""
    places = (Path(name), Path("experiments") / name, files("tunegrid.conf").joinpath("experiments", name))
    for place in places:
        if place.is_file():
            return place
    raise ConfigError(
        f"table.published: no file {name!r} here, in experiments/ or in tunegrid; set it to null for none"
    )


def show(table: Table, spec: TableSpec, output_root: Path) -> None:
    """Print the table and write all its forms."""
    from tunegrid.table.console import print_table

    print_table(table)
    folder = write(table, spec, output_root / table.experiment)
    print(f"Written to {folder}: {', '.join(sorted(path.name for path in folder.glob('table.*')))}")


def write(table: Table, spec: TableSpec, folder: Path) -> Path:
    """Write table.{md,csv,tex,html} and, where the spec has a figure, table.png; each file whole or not at all.

    Where the table's numbers and words are on disk already nothing is drawn again: that takes ten times as long.
    """
    texts = {form: FORMATS[form](table) for form in DECISIVE}
    if spec.figure is not None:
        texts["md"] += f"\n![{spec.figure.y}]({NAME}.png)\n"
    with sole_writer(folder):
        remove_parts(folder, f"{NAME}.*")
        if not _written(folder, texts, spec):
            _write_all(table, spec, folder, texts)
    return folder


def _written(folder: Path, texts: Mapping[str, str], spec: TableSpec) -> bool:
    forms = FILES if spec.figure is None else (*FILES, "png")
    return all(_path(folder, form).is_file() for form in forms) and all(
        _path(folder, form).read_bytes() == text.encode() for form, text in texts.items()
    )


def _write_all(table: Table, spec: TableSpec, folder: Path, texts: Mapping[str, str]) -> None:
    for form in FILES:
        write_atomically(_path(folder, form), texts.get(form) or FORMATS[form](table))
    if spec.figure is not None:
        from tunegrid.table.figure import to_png

        write_atomically(_path(folder, "png"), to_png(table, spec.figure.y))


def _path(folder: Path, form: str) -> Path:
    return folder / f"{NAME}.{form}"
