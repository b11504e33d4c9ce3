"""Files of rows with named text columns: CSV, and parquet where a hub repository has nothing plainer."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tunegrid.errors import DataError

_LONGEST_CELL = 10_000_000  # characters


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the two columns that are read."""

    meaning: str
    reference: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table file."""

    line: int
    """Line of the file at which the row begins, from 1; the row's number for parquet."""
    meaning: str
    reference: str


def read_table(path: Path, columns: Columns) -> list[TableRow]:
    """All rows of a `.csv` or `.parquet` file. Raises `DataError` for a missing, empty or malformed one."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; check data.path")
    rows = list(_parquet(path, columns) if path.suffix == ".parquet" else _csv(path, columns))
    if not rows:
        raise DataError(f"{path}: no rows; give it at least one row under its header")
    for row in rows:
        for name, value in ((columns.meaning, row.meaning), (columns.reference, row.reference)):
            if not value.strip():
                raise DataError(f"{path}:{row.line}: {name}: empty; fill it in or remove the row")
    return rows


def _csv(path: Path, columns: Columns) -> Iterator[TableRow]:
    """Rows of a CSV file: UTF-8 with or without BOM, LF or CRLF, quoted as RFC 4180 says."""
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        begin = 1
        try:
            header = next(reader, [])
            meaning, reference = (_position(path, header, name) for name in (columns.meaning, columns.reference))
            begin = reader.line_num + 1
            for cells in reader:
                if cells and len(cells) != len(header):
                    problem = f"{len(cells)} columns where the header has {len(header)}; quote cells that hold a comma"
                    raise DataError(f"{path}:{begin}: {problem}")
                if cells:
                    yield TableRow(begin, cells[meaning].strip(), cells[reference].strip())
                begin = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise DataError(f"{path}:{begin}: not UTF-8 ({error.reason}); save the file as UTF-8") from None
        except csv.Error as error:
            raise DataError(f"{path}:{begin}: not CSV: {error}; quote cells that hold quotes or line breaks") from None


def _position(path: Path, header: list[str], name: str) -> int:
    if name not in header:
        raise DataError(f"{path}:1: {name}: no such column; the header has {', '.join(header) or 'none'}")
    return header.index(name)


def _parquet(path: Path, columns: Columns) -> Iterator[TableRow]:
    try:
        from pyarrow.parquet import read_table as read
    except ImportError:
        raise DataError(
            f"{path}: reading parquet needs pyarrow; pip install pyarrow, or give data.path CSV files"
        ) from None
    names = [columns.meaning, columns.reference]
    table = read(path, columns=names)
    for number, (meaning, reference) in enumerate(
        zip(*(table[name].to_pylist() for name in names), strict=True), start=1
    ):
        yield TableRow(number, meaning.strip(), reference.strip())
