"""Reading answers, references and groups from a file of one JSON object a line, as a cell's answers.jsonl is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tunegrid.data.record import Problem
from tunegrid.data.record_file import read_records
from tunegrid.errors import DataError
from tunegrid.metrics import Ranked

T = TypeVar("T")
SUFFIX = ".jsonl"


def read_texts(path: Path, key: str) -> list[str]:
    """The text at `key` of each record; numbers and booleans as JSON writes them. Raises `DataError`."""
    return _column(path, key, _text, "a text")


def read_text_lists(path: Path, key: str) -> list[list[str]]:
    """The texts at `key` of each record, at least one; one text alone stands for a list of it. Raises `DataError`."""
    return _column(path, key, _texts, "a list of texts, at least one")


def read_ranked(path: Path) -> list[Ranked]:
    """The likelihoods of each record's choices; none where the first record lacks `choices` or `log_likelihoods`.

    Raises `DataError`.
    """
    if not _begins_with(path, "choices", "log_likelihoods"):
        return []
    likelihoods = _column(path, "log_likelihoods", _numbers, "a list of numbers, one for each choice")
    choices = read_text_lists(path, "choices")
    gold = _column(path, "gold", _place, "the place of the right choice, from 0")
    ranked = []
    for line, (own, texts, right) in enumerate(zip(likelihoods, choices, gold, strict=True), 1):
        if len(own) != len(texts) or not 0 <= right < len(texts) or not all(texts):
            counts = f"{len(texts)} choices, {len(own)} log_likelihoods, gold {right}"
            raise DataError(
                f"{path}: record {line}: {counts}; give each choice a text and a likelihood, gold one of them"
            )
        ranked.append(Ranked(np.array(own), np.array([len(text) for text in texts]), [right]))
    return ranked


def read_groups(path: Path) -> list[str]:
    """The `group` of each record; none where the first record lacks it. Raises `DataError`."""
    return read_texts(path, "group") if _begins_with(path, "group") else []


def _begins_with(path: Path, *keys: str) -> bool:
    """Whether the first record has all of `keys`."""
    first = next(iter(read_records(path)))
    return not isinstance(first, Problem) and set(keys) <= first.columns.keys()


def _column(path: Path, key: str, convert: Callable[[Any], T | None], wanted: str) -> list[T]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a text file, or {SUFFIX} with one JSON object a line")
    column = []
    for record in read_records(path):
        if isinstance(record, Problem):
            raise DataError(f"{path}:{record.line}: {record.text}")
        if key not in record.columns:
            raise DataError(
                f"{path}:{record.line}: {key}: missing; it has {', '.join(sorted(record.columns)) or 'none'}"
            )
        value = convert(record.columns[key])
        if value is None:
            raise DataError(f"{path}:{record.line}: {key}: must be {wanted}, got {record.columns[key]!r:.80}")
        column.append(value)
    return column


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def _numbers(value: Any) -> list[float] | None:
    numbers = value if isinstance(value, list) else []
    whole = all(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in numbers)
    return [float(entry) for entry in numbers] if numbers and whole else None


def _place(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: Any) -> list[str] | None:
    texts = [_text(entry) for entry in value] if isinstance(value, list) else [_text(value)]
    whole = [text for text in texts if text is not None]
    return whole if whole and len(whole) == len(texts) else None
