"""Reading a file of records by the end of its name."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from gzip import BadGzipFile
from pathlib import Path

from tunegrid.data.json_array import read_json_array
from tunegrid.data.json_lines import read_json_lines
from tunegrid.data.record import Problem, Record
from tunegrid.data.table_file import read_delimited, read_parquet
from tunegrid.data.text_file import read_paragraphs
from tunegrid.errors import DataError

READERS: dict[str, Callable[[Path], Iterator[Record | Problem]]] = {
    ".jsonl": read_json_lines,
    ".jsonl.gz": read_json_lines,
    ".json": read_json_array,
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".parquet": read_parquet,
    ".txt": read_paragraphs,
}


def read_records(path: Path, names: Sequence[str] = ()) -> Iterator[Record | Problem]:
    """Every record of a file, or what is wrong with it. Raises `DataError` for what concerns the file as a whole.

    `names` are those of the columns of a CSV or TSV file that does not begin with them.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; correct the path")
    reader = READERS.get(kind(path))
    if reader is None:
        raise DataError(f"{path}: a file of no known kind; rename or convert it to one of {', '.join(READERS)}")
    found = False
    try:
        for record in read_delimited(path, names) if reader is read_delimited else reader(path):
            found = True
            yield record
    except (EOFError, BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file: {error}; get the file again") from None
    if not found:
        raise DataError(f"{path}: no rows; give it at least one record")


def kind(path: Path) -> str:
    """The end of a file's name that says what is in it."""
    return "".join(path.suffixes[-2:]).lower() if path.suffix == ".gz" else path.suffix.lower()
