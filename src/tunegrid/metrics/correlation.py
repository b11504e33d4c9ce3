"""Pearson's and Spearman's correlation of predicted and true numbers, on any weighting of the instances."""

import numpy as np

_ROUNDING = 1e-13
"""Of a sum of squares: a spread below this share of it is a constant column."""


def statistics(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(instances, 3): both numbers less their medians, and 1; zeros where `predicted` is nan, which count nowhere.

    `predicted`, `true`: (instances,). The shift changes no correlation, and keeps sums of squares exact.
    """
    counted = np.isfinite(predicted)
    rows = np.zeros((len(predicted), 3))
    for column, values in enumerate((predicted, true)):
        rows[counted, column] = values[counted] - (np.median(values[counted]) if counted.any() else 0.0)
    rows[counted, 2] = 1.0
    return rows


def places(values: np.ndarray) -> np.ndarray:
    """Each number's place among the different ones, from 0; nan stays nan. What ranks need, without rounding."""
    counted = np.isfinite(values)
    found = np.full(len(values), np.nan)
    found[counted] = np.unique(values[counted], return_inverse=True)[1]
    return found


def moments(weights: np.ndarray, statistics: np.ndarray) -> np.ndarray:
    """Sums of x, y, xx, yy, xy and 1 under (..., n) weights: (n, 3) to (..., 6)."""
    x, y, counted = statistics.T
    return np.asarray(weights @ np.stack([x, y, x * x, y * y, x * y, counted], axis=-1))


def rank_moments(weights: np.ndarray, statistics: np.ndarray) -> np.ndarray:
    """The same of the ranks, which each weighting has of its own; equal values share the mean of their ranks."""
    weights = weights * statistics[:, 2]
    middle = (weights.sum(axis=-1, keepdims=True) + 1) / 2
    x, y = (_ranks(weights, statistics[:, column]) - middle for column in (0, 1))
    columns = (x, y, x * x, y * y, x * y, np.ones_like(x))
    return np.stack([(weights * column).sum(axis=-1) for column in columns], axis=-1)


def _ranks(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Rank of each value among all, where an instance of weight w is there w times: (..., n), (n,) to (..., n)."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    sizes = np.add.reduceat(weights[..., order], starts, axis=-1)
    ranks: np.ndarray = (np.cumsum(sizes, axis=-1) - (sizes - 1) / 2)[..., group]
    return ranks


def correlation(sums: np.ndarray) -> np.ndarray:
    """Correlation in −1 … 1 from `moments`: (..., 6) to (...); nan where one side is constant or nothing counts."""
    x, y, xx, yy, xy, count = np.moveaxis(sums, -1, 0)
    spread_x, spread_y = count * xx - x * x, count * yy - y * y
    varies = (spread_x > _ROUNDING * count * xx) & (spread_y > _ROUNDING * count * yy)
    scale = np.sqrt(np.where(varies, spread_x, 1.0)) * np.sqrt(np.where(varies, spread_y, 1.0))
    return np.where(varies, np.clip((count * xy - x * y) / scale, -1.0, 1.0), np.nan)
