"""Agreement between raters: Krippendorff's alpha, 1 for perfect, 0 for chance (Krippendorff 2011).

A unit's coincidences are its pairs of values from different raters, each weighted by 1/(values − 1). Alpha is one less
the mean squared difference within units over that of any two values; the levels differ in what a difference is.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

Unit = Sequence[float]
"""One unit's values, one from each rater who gave one."""


def interval_statistics(units: Sequence[Unit]) -> np.ndarray:
    """(units, 4): squared differences within the unit, and its number of values, their sum and their squares' sum.

    Values are counted from their overall median. A unit with fewer than two values is all zeros: it shows no agreement.
    """
    middle = float(np.median([value for unit in units for value in unit] or [0.0]))
    rows = np.zeros((len(units), 4))
    for row, unit in zip(rows, units, strict=True):
        values = np.array(unit) - middle
        if len(values) > 1:
            within = 2 * (len(values) * (values**2).sum() - values.sum() ** 2) / (len(values) - 1)
            row[:] = within, len(values), values.sum(), (values**2).sum()
    return rows


def interval_alpha(sums: np.ndarray) -> np.ndarray:
    """Alpha of numbers from (weighted) sums of `interval_statistics`: (..., 4) to (...); nan where all are equal."""
    within, count, total, squares = np.moveaxis(sums, -1, 0)
    return _alpha(within, 2 * (count * squares - total**2), count)


def coincidences(units: Sequence[Unit]) -> np.ndarray:
    """(units, V · V) for the V different values in order of size: weighted pairs of values that met in the unit."""
    places = {value: place for place, value in enumerate(sorted({value for unit in units for value in unit}))}
    rows = np.zeros((len(units), len(places), len(places)))
    for row, unit in zip(rows, units, strict=True):
        counts = Counter(places[value] for value in unit)
        for one, often in counts.items():
            for other, count in counts.items():
                if len(unit) > 1:
                    row[one, other] = often * (count - (one == other)) / (len(unit) - 1)
    return rows.reshape(len(units), -1)


def nominal_alpha(sums: np.ndarray) -> np.ndarray:
    """Alpha of names from (weighted) sums of `coincidences`: two names differ by 1 or not at all."""
    met, counts, count = _table(sums)
    same = np.trace(met, axis1=-2, axis2=-1)
    return _alpha(count - same, count**2 - (counts**2).sum(axis=-1), count)


def ordinal_alpha(sums: np.ndarray) -> np.ndarray:
    """Alpha of ranks from (weighted) sums of `coincidences`: two differ by the values between the middles of both."""
    met, counts, count = _table(sums)
    middles = np.cumsum(counts, axis=-1) - counts / 2
    squared = (middles[..., :, None] - middles[..., None, :]) ** 2
    expected = counts[..., :, None] * counts[..., None, :] * squared
    return _alpha((met * squared).sum(axis=(-2, -1)), expected.sum(axis=(-2, -1)), count)


def _table(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coincidences (..., V, V), values (..., V) and their number (...)."""
    size = round(sums.shape[-1] ** 0.5)
    met = sums.reshape(*sums.shape[:-1], size, size)
    counts = met.sum(axis=-1)
    return met, counts, counts.sum(axis=-1)


def _alpha(within: np.ndarray, between: np.ndarray, count: np.ndarray) -> np.ndarray:
    """1 − (within / n) / (between / (n (n − 1))); nan where nothing differs."""
    varies = between > 1e-12 * count**2
    ratio = np.divide((count - 1) * within, between, out=np.full_like(between, np.nan), where=varies)
    return 1 - ratio
