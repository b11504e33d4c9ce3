"""Published numbers: a CSV of facts, headed by comment lines with their source, scale and protocol.

# source: Author et al. 2021, Table 18
# scale BLEU: 100                       published = scale × our score
# protocol model.name: gpt2_medium      compared with the cells' config; `a | b` where sources disagree
# spread: what stands in brackets behind a number, for example the standard deviation over 5 seeds
# unknown: how many seeds a row averages
# note: anything else a reader should know
row,val_loss,BLEU
1,1.23,68.72 (0.4)
"""

import csv
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from tunegrid.errors import DataError

NUMBER = re.compile(r"(?P<value>[^ (]+)(?: \((?P<spread>[^)]+)\))?")
"""A number, and its spread in brackets where one was printed."""


@dataclass(frozen=True, slots=True)
class Printed:
    """One number as printed."""

    value: str
    spread: str | None = None

    def __str__(self) -> str:
        return self.value if self.spread is None else f"{self.value} ({self.spread})"


@dataclass(frozen=True, slots=True)
class Published:
    """One published table."""

    source: str
    scales: Mapping[str, float]
    """Score → published scale over ours; 1 where nothing is said."""
    protocol: Mapping[str, tuple[str, ...]]
    """Config key → the values that count as the same protocol."""
    unknown: tuple[str, ...]
    notes: tuple[str, ...]
    numbers: Mapping[tuple[str, str], Printed]
    """(row, score) → the number as printed."""

    def scale(self, score: str) -> float:
        """By what our score is multiplied to stand beside the published one."""
        return self.scales.get(score, 1.0)

    def value(self, row: str, score: str) -> float | None:
        """The published number, on its own scale; None where the table has none."""
        printed = self.numbers.get((row, score))
        return None if printed is None else float(printed.value)

    def spread(self, row: str, score: str) -> str | None:
        """The number's spread as printed, None where there is none. The notes say what it is."""
        printed = self.numbers.get((row, score))
        return None if printed is None else printed.spread

    def others(self, score: str, rows: Collection[str]) -> tuple[tuple[str, str], ...]:
        """The rows with that score beside `rows`, in the order of the file, and their numbers."""
        column = [(row, printed) for (row, name), printed in self.numbers.items() if name == score]
        return tuple((row, str(printed)) for row, printed in column if row not in rows)

    def decimals(self, score: str) -> int:
        """The decimals that were printed; 0 where the table has no such column."""
        values = [printed.value for (_, name), printed in self.numbers.items() if name == score]
        return max((len(value.partition(".")[2]) for value in values), default=0)


def read_published(path: Path | Traversable) -> Published:
    """Read a CSV of published numbers. Raises `DataError` naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as problem:
        raise DataError(f"{path}: cannot be read ({problem}); set table.published to a CSV file or null") from problem
    comments: list[tuple[str, str]] = []
    table: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            key, _, value = line.removeprefix("#").partition(":")
            comments.append((key.strip(), value.strip()))
        elif line.strip():
            table.append((number, next(csv.reader([line]))))
    numbers = _numbers(path, table)
    published = _assemble(path, comments, numbers)
    if not published.source or not published.protocol:
        missing = "'# protocol KEY: VALUE'" if published.source else "'# source: …'"
        raise DataError(f"{path}: no {missing} line; numbers without it cannot be compared: add it above the header")
    return published


def _numbers(path: Path | Traversable, table: list[tuple[int, list[str]]]) -> dict[tuple[str, str], Printed]:
    if not table or table[0][1][0] != "row":
        raise DataError(f"{path}:{table[0][0] if table else 1}: the header must start with 'row', then name the scores")
    header = [name.strip() for name in table[0][1]]
    numbers: dict[tuple[str, str], Printed] = {}
    for number, entries in table[1:]:
        if len(entries) != len(header):
            raise DataError(
                f"{path}:{number}: {len(entries)} entries under {len(header)} columns; write one per column"
            )
        row = entries[0].strip()
        for name, entry in zip(header[1:], entries[1:], strict=True):
            text = entry.strip()
            if not text:
                continue
            printed = _printed(text)
            if printed is None:
                raise DataError(f"{path}:{number}: {name} must be a number, got {text!r}; leave it empty if unknown")
            if (row, name) in numbers:
                raise DataError(f"{path}:{number}: row {row!r} is there twice; keep one")
            numbers[row, name] = printed
    return numbers


def _printed(text: str) -> Printed | None:
    found = NUMBER.fullmatch(text)
    if found is None or not all(map(_is_number, filter(None, found.groups()))):
        return None
    return Printed(found["value"], found["spread"])


def _assemble(
    path: Path | Traversable, comments: list[tuple[str, str]], numbers: dict[tuple[str, str], Printed]
) -> Published:
    scales: dict[str, float] = {}
    protocol: dict[str, tuple[str, ...]] = {}
    texts: dict[str, list[str]] = {"source": [], "spread": [], "unknown": [], "note": []}
    for key, value in comments:
        kind, _, name = key.partition(" ")
        if kind == "scale" and name:
            if not _is_number(value) or float(value) <= 0:
                raise DataError(f"{path}: '# scale {name}' must be a positive number, got {value!r}; 1 means ours")
            scales[name] = float(value)
        elif kind == "protocol" and name:
            protocol[name] = tuple(part.strip() for part in value.split("|"))
        elif key in texts:
            texts[key].append(value)
        else:
            raise DataError(
                f"{path}: unknown comment {key!r}; write '# KEY: text' with KEY one of source, scale SCORE, "
                "protocol NAME, spread, unknown and note"
            )
    if not texts["spread"] and any(printed.spread for printed in numbers.values()):
        raise DataError(f"{path}: numbers with a spread in brackets, but no '# spread: …' line; say there what it is")
    notes = [*(f"in brackets: {text}" for text in texts["spread"]), *texts["note"]]
    return Published("; ".join(texts["source"]), scales, protocol, tuple(texts["unknown"]), tuple(notes), numbers)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
