"""Files of rows with named columns: CSV, TSV and parquet."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tunegrid.data.record import Problem, Record
from tunegrid.errors import DataError

_LONGEST_CELL = 10_000_000  # characters


def read_delimited(path: Path, names: Sequence[str] = ()) -> Iterator[Record | Problem]:
    """Rows of a `.csv` file, quoted as RFC 4180 says, or of a `.tsv` file, which has no quoting.

    The first line has the columns' names, unless `names` are given.

    UTF-8 with or without BOM, LF or CRLF; rows without any text count as blank lines. Raises `DataError` for a header
    that cannot be used and where a file cannot be read on.
    """
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = _reader(path, file)
        begin = 1
        try:
            header = _header(path, list(names) or next(reader, []))
            begin = reader.line_num + 1
            for cells in reader:
                if any(cells) and len(cells) != len(header):
                    yield Problem(begin, _ragged(path, len(cells), len(header)))
                elif any(cells):
                    yield Record(begin, dict(zip(header, cells, strict=True)))
                begin = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise DataError(f"{path}:{begin}: not UTF-8 ({error.reason}); save the file as UTF-8") from None
        except csv.Error as error:
            raise DataError(f"{path}:{begin}: not CSV: {error}; quote cells that hold quotes or line breaks") from None


def _is_tsv(path: Path) -> bool:
    return path.suffix.lower() == ".tsv"


def _reader(path: Path, file: Any) -> Any:
    if _is_tsv(path):
        return csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(file, strict=True)


def _header(path: Path, header: list[str]) -> list[str]:
    if not any(header):
        raise DataError(f"{path}: no rows; begin it with a line of column names")
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise DataError(f"{path}:1: {min(repeated)}: a column name that is there twice; rename one of them")
    return header


def _ragged(path: Path, cells: int, columns: int) -> str:
    advice = "write a tab between cells and none in them" if _is_tsv(path) else "quote cells that hold a comma"
    return f"{cells} columns where the header has {columns}; {advice}"


def read_parquet(path: Path) -> Iterator[Record]:
    """Rows of a parquet file. Raises `DataError` for a file that is none."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        rows = (row for batch in ParquetFile(path).iter_batches() for row in batch.to_pylist())
        yield from (Record(number, row) for number, row in enumerate(rows, start=1))
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: not parquet: {str(error).splitlines()[0]}; get the file again") from None
