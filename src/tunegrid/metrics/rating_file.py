"""Reading raters' judgements: a CSV file, a line for each unit, a column for each rater, empty where one gave none."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunegrid.errors import DataError


@dataclass(frozen=True, slots=True)
class Ratings:
    """What several raters said of the same units."""

    raters: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    """(units, raters); empty where a rater gave none."""


def read_ratings(path: Path) -> Ratings:
    """Read a CSV file whose first line names the first column, which names the units, and the raters.

    Raises `DataError` naming `file:line`.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: can't be read ({error}); give a UTF-8 CSV file: unit,rater1,rater2") from None
    if not lines or len(lines[0]) < 3:
        raise DataError(f"{path}:1: agreement needs two raters at least; begin with a line like unit,rater1,rater2")
    _check_widths(path, lines)
    return Ratings(tuple(lines[0][1:]), tuple(tuple(cell.strip() for cell in line[1:]) for line in lines[1:]))


def numbers(path: Path, ratings: Ratings) -> list[list[float]]:
    """Each unit's given values as numbers, (units, up to raters). Raises `DataError` where one is none."""
    units = []
    for line, unit in enumerate(ratings.values, 2):
        try:
            units.append([float(value) for value in unit if value])
        except ValueError as error:
            raise DataError(f"{path}:{line}: {error}; this level needs numbers, or use --level nominal") from None
    return units


def _check_widths(path: Path, lines: Sequence[Sequence[str]]) -> None:
    for number, line in enumerate(lines, 1):
        if len(line) != len(lines[0]):
            raise DataError(
                f"{path}:{number}: {len(line)} columns where the first line has {len(lines[0])}; leave none out"
            )
    if len(lines) < 2:
        raise DataError(f"{path}: no units; add a line for each below the first")
