"""One record of a file, or what is wrong with it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """One row, line or object of a file."""

    line: int
    """Where it begins, from 1; for parquet the row's number."""
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one record: its text is `[key:] problem; fix`."""

    line: int
    text: str


class RecordError(ValueError):
    """What is wrong with one record: its text is `key: problem; fix`."""
