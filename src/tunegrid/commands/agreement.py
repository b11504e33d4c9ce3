"""`tunegrid agreement FILE [--level nominal|ordinal|interval] [--json] [--resamples N] [--seed N]`."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from tunegrid.arguments import CommandParser
from tunegrid.commands.scoring_arguments import add_sampling, check_sampling, finite
from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics import Score

if TYPE_CHECKING:
    from tunegrid.metrics.rating_file import Ratings

DESCRIPTION = """Agreement between the raters of a CSV file: unit,rater1,rater2,… with a line for each unit.
Krippendorff's alpha of all, Cohen's kappa of each pair, with 95 % bootstrap intervals over units."""
LEVELS = ("nominal", "ordinal", "interval")


def main(arguments: list[str]) -> int:
    """Run the command and return 0. Raises `ConfigError` or `DataError` for the user's mistakes, and writes no file."""
    from tunegrid.metrics.bootstrap import interval
    from tunegrid.metrics.rating_file import read_ratings

    given = _parse(arguments)
    ratings = read_ratings(given.file)
    scores = {"alpha": _alpha(given, ratings), **dict(_kappas(ratings))}
    records = {
        name: finite(asdict(interval(score, resamples=given.resamples, seed=given.seed)))
        for name, score in scores.items()
    }
    if given.json:
        print(json.dumps({"level": given.level, **records}, allow_nan=False))
    else:
        _show(records, given, len(ratings.values))
    return 0


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = CommandParser(prog="tunegrid agreement", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("file", type=Path, metavar="FILE", help="a CSV file; an empty cell is a rating not given")
    parser.add_argument("--level", default="nominal", metavar="|".join(LEVELS), help="of alpha (default nominal)")
    add_sampling(parser)
    given = parser.parse_args(list(arguments))
    check_sampling(given)
    if given.level not in LEVELS:
        raise ConfigError(f"--level: {unknown('level', given.level, LEVELS)}")
    return given


def _alpha(given: Namespace, ratings: "Ratings") -> Score:
    from tunegrid.metrics.agreement import coincidences, interval_statistics
    from tunegrid.metrics.rating_file import numbers

    if given.level == "nominal":
        places = {
            value: float(place) for place, value in enumerate(sorted({v for unit in ratings.values for v in unit}))
        }
        return Score("alpha_nominal", coincidences([[places[v] for v in unit if v] for unit in ratings.values]))
    units = numbers(given.file, ratings)
    statistics = coincidences(units) if given.level == "ordinal" else interval_statistics(units)
    return Score(f"alpha_{given.level}", statistics)


def _kappas(ratings: "Ratings") -> Iterator[tuple[str, Score]]:
    """Of the units that both of a pair have rated; none for a pair without any."""
    from tunegrid.metrics.class_counts import statistics

    for (i, one), (j, other) in combinations(enumerate(ratings.raters), 2):
        both = [(unit[i], unit[j]) for unit in ratings.values if unit[i] and unit[j]]
        if both:
            yield f"kappa {one}, {other}", Score("kappa", statistics(*zip(*both, strict=True)))


def _show(records: dict[str, dict[str, float | None]], given: Namespace, units: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("agreement")
    for head in ("value", "95 % interval"):
        table.add_column(head, justify="right")
    for name, record in records.items():
        value, low, high = ("–" if record[key] is None else f"{record[key]:.4f}" for key in ("value", "low", "high"))
        table.add_row(f"{name} ({given.level})" if name == "alpha" else name, value, f"{low} … {high}")
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(f"{units} units; intervals over {given.resamples} bootstrap samples of them, seed {given.seed}")
