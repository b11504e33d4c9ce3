"""How far accuracy is apart between groups of instances, as a score of a cell; `fairness` has its p-value."""

from collections.abc import Sequence

import numpy as np


def statistics(right: np.ndarray, groups: Sequence[str | None]) -> np.ndarray:
    """(instances, 2 · G) for G groups, in order of the alphabet: what (instances,) `right` is worth, and 1, by group.

    An instance of no group has zeros.
    """
    places = {group: place for place, group in enumerate(sorted({group for group in groups if group is not None}))}
    rows = np.zeros((len(groups), 2, len(places)))
    for row, worth, group in zip(rows, right, groups, strict=True):
        if group is not None:
            row[:, places[group]] = worth, 1.0
    return rows.reshape(len(groups), 2 * len(places))


def gap(sums: np.ndarray) -> np.ndarray:
    """The best group's mean less the worst's, 0 … 1, from sums of `statistics`: (..., 2 · G) to (...).

    Groups without instances are left out; nan where that leaves none.
    """
    worth, counts = np.split(sums, 2, axis=-1)
    some = counts > 0
    best, worst = (np.divide(worth, counts, out=np.full_like(worth, empty), where=some) for empty in (-np.inf, np.inf))
    return np.where(some.any(axis=-1), best.max(axis=-1) - worst.min(axis=-1), np.nan)
