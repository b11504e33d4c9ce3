"""Runs that PEFT's method_comparison has recorded, as a table with the intervals that it lacks. Imports no torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from pathlib import Path
from typing import Any

from tunegrid.errors import ConfigError, DataError, unknown
from tunegrid.metrics.bootstrap import holm
from tunegrid.table.layout import NOTHING, Grid, Text, count, duration, number, size
from tunegrid.table.student import CONFIDENCE, p_value, two_sided_z

ITEMS = 1319
"""Test items of GSM8K, on which every run of PEFT's MetaMathQA comparison is scored once."""
SMALLEST_P = 1e-4
"""Below it a normal approximation's p-value says nothing more."""
Z = two_sided_z(1 - CONFIDENCE)


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One file of results: one seed, one score."""

    name: str
    accuracy: float
    """Share of right answers."""
    parameters: int
    peak_bytes: int
    training_s: float
    file_bytes: int


def read_runs(folder: Path) -> list[ImportedRun]:
    """The runs of a folder that have succeeded, best first. Raises `DataError` naming a file that is no such result."""
    paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("_"))
    if not paths:
        raise ConfigError(f"--import {folder}: no *.json in it; name a results folder of PEFT's method_comparison")
    runs = [run for path in paths if (run := _read(path)) is not None]
    return sorted(runs, key=lambda run: (-run.accuracy, run.name))


def _read(path: Path) -> ImportedRun | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["train_info"]
        if found["status"] != "success":
            return None
        return ImportedRun(
            name=path.stem,
            accuracy=_test_accuracy(found["metrics"]),
            parameters=int(found["num_trainable_params"]),
            peak_bytes=int(found["accelerator_memory_max"]),
            training_s=float(found["train_time"]),
            file_bytes=int(found["file_size"]),
        )
    except (ValueError, KeyError, TypeError, OSError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        problem = f"not a result of PEFT's method_comparison ({reason})"
        raise DataError(f"{path}: {problem}; take it out of the folder") from None


def _test_accuracy(metrics: Sequence[dict[str, Any]]) -> float:
    return float(next(row["test accuracy"] for row in reversed(metrics) if "test accuracy" in row))


def imported_grid(runs: Sequence[ImportedRun], reference: str | None) -> Grid:
    """Each run's accuracy with its binomial interval, and whether it can be told from the reference (or the best).

    The best is chosen from the same data, so that all pairs of runs then count as comparisons, as in tables of ours.
    """
    names = [run.name for run in runs]
    if reference is not None and reference not in names:
        raise ConfigError(f"--reference: {unknown('run', reference, names)}")
    place = 0 if reference is None else names.index(reference)
    shares = [run.accuracy for run in runs]
    p_values = from_first(shares) if reference is None else from_reference(shares, place)
    header = ("run", "accuracy ± 95 %", f"from {runs[place].name}", "told apart", "trained", "peak", "training", "file")
    rows = [_row(run, runs[place], p) for run, p in zip(runs, p_values, strict=True)]
    compared = "all pairs" if reference is None else f"{len(runs) - 1} comparisons"
    title = f"{len(runs)} runs, one seed each, {ITEMS:,} test items; corrected for {compared} (Holm)"
    return Grid(title, header, tuple(rows))


def _row(run: ImportedRun, reference: ImportedRun, p: float) -> tuple[Text, ...]:
    apart, own = p <= 1 - CONFIDENCE, run is reference
    return (
        Text(run.name, is_best=own),
        Text(f"{number(run.accuracy, 3)} ± {number(wilson_half_width(run.accuracy, ITEMS), 3)}"),
        Text(NOTHING if own else number(run.accuracy - reference.accuracy, 3, is_signed=True)),
        Text(NOTHING if own else f"{'yes' if apart else 'no'} ({_p(p)})"),
        Text(count(run.parameters)),
        Text(size(run.peak_bytes)),
        Text(duration(run.training_s)),
        Text(size(run.file_bytes)),
    )


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= SMALLEST_P else f"p < {SMALLEST_P:g}"


def wilson_half_width(share: float, items: int) -> float:
    """Half of the 95 % interval of a binomial share (Wilson 1927)."""
    return Z * sqrt(share * (1 - share) / items + Z**2 / (4 * items**2)) / (1 + Z**2 / items)


def two_proportions(one: float, other: float, items: int) -> float:
    """Two-sided p-value that two shares of `items` each are of one binomial: the pooled z-test."""
    pooled = (one + other) / 2
    return p_value(one - other, 2 * pooled * (1 - pooled) / items, 0.0, 0)


def from_reference(shares: Sequence[float], own: int) -> list[float]:
    """Adjusted p-values of each share's difference from that at `own`, which was named beforehand; its own is 1."""
    others = holm([two_proportions(share, shares[own], ITEMS) for i, share in enumerate(shares) if i != own]).tolist()
    return [*others[:own], 1.0, *others[own:]]


def from_first(shares: Sequence[float]) -> list[float]:
    """The same from the first share, which is the best: among the p-values of all pairs."""
    pairs = list(combinations(range(len(shares)), 2))  # those with the first come first
    p_values = holm([two_proportions(shares[one], shares[other], ITEMS) for one, other in pairs]).tolist()
    return [1.0, *p_values[: len(shares) - 1]]
