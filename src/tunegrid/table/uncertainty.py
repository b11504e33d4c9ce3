"""Intervals and comparisons of a column: test items by bootstrap, seeds by pooled variance. See docs/statistics.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tunegrid.metrics.bootstrap import holm
from tunegrid.metrics.combine import Measure
from tunegrid.table.student import CONFIDENCE, half_width, p_value

RESAMPLES = 1000
"""Bootstrap samples; a standard error from them is itself known to within 2.2 %."""
RESAMPLING_SEED = 0


@dataclass(frozen=True, slots=True)
class Repeats:
    """One row's finished cells in one column."""

    statistics: tuple[np.ndarray, ...]
    """One (items, k) array per seed, all over the same items."""
    is_deterministic: bool
    """The untrained model: a seed changes nothing, so it takes no part in the seed noise."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One entry of a column."""

    value: float
    """Mean over seeds of the corpus value."""
    half_width: float
    """Of the 95 % interval, on the score's own scale."""
    seeds: int
    items: int


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """How far seeds scatter, pooled over the rows of a column."""

    variance: float
    """Sample variance of a single run's score between seeds, σ_b² + σ_e²/n."""
    interaction: float
    """The part of it that resampling the items sees too, σ_e²/n."""
    degrees: int
    """Σ(S − 1) over trained rows; 0: no row has two seeds, and seed noise is unknown."""


@dataclass(frozen=True, slots=True)
class Column:
    """Estimates of all rows of one score, and how they compare."""

    estimates: tuple[Estimate, ...]
    noise: SeedNoise
    p_values: np.ndarray
    """(rows, rows) Holm-adjusted over all pairs of the column; 1 on the diagonal."""


def estimate_column(rows: Sequence[Repeats], measure: Measure, resamples: int = RESAMPLES) -> Column:
    """Intervals and all pairwise comparisons of rows that were scored on the same items.

    Items are resampled once for all rows and seeds (paired); (rows) estimates and (rows, rows) p-values come back.
    """
    weights = resampling_weights(len(rows[0].statistics[0]), resamples)  # (R, n)
    once = np.ones(weights.shape[1])
    values = [np.array([measure.values(once, s) for s in row.statistics], dtype=float) for row in rows]
    replicates = _replicates(weights, rows, measure)
    noise = pooled_noise(rows, values, replicates, _bessel(weights))
    means = np.stack([block.mean(axis=1) for block in replicates], axis=1)  # (R, rows)
    covariance = np.atleast_2d(np.cov(means, rowvar=False)) * _bessel(weights)
    shares = np.array([0.0 if row.is_deterministic else 1 / len(row.statistics) for row in rows])
    centres = np.array([value.mean() for value in values])
    estimates = tuple(
        Estimate(float(centre), _half_width(variance, share, noise), len(row.statistics), weights.shape[1])
        for centre, variance, share, row in zip(centres, np.diag(covariance), shares, rows, strict=True)
    )
    return Column(estimates, noise, _pairwise(centres, covariance, shares, noise))


@lru_cache(maxsize=4)
def resampling_weights(items: int, resamples: int) -> np.ndarray:
    """How often each item is drawn in each bootstrap sample: (resamples, items), the same for all cells of a table."""
    generator = np.random.default_rng(RESAMPLING_SEED)
    return generator.multinomial(items, np.full(items, 1 / items), size=resamples).astype(np.float64)


def _replicates(weights: np.ndarray, rows: Sequence[Repeats], measure: Measure) -> list[np.ndarray]:
    """Bootstrap values of every row's seeds, (R, S) each."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample without a value is nan, and gives no interval
        return [np.stack([measure.values(weights, s) for s in row.statistics], axis=1) for row in rows]


def _bessel(weights: np.ndarray) -> float:
    """Correct by n / (n − 1): a bootstrap scatters around the items' own mean, so it sees too little variance."""
    items = weights.shape[1]
    return items / (items - 1) if items > 1 else 1.0


def pooled_noise(
    rows: Sequence[Repeats], values: Sequence[np.ndarray], replicates: Sequence[np.ndarray], bessel: float
) -> SeedNoise:
    """Pool the within-row variance between seeds over all trained rows with at least two.

    `values`: (S,) corpus values per row; `replicates`: (R, S) bootstrap values per row. The interaction is the mean
    over resamples of the variance between seeds of what resampling did to each seed's score.
    """
    degrees, squares, interaction = 0, 0.0, 0.0
    for row, value, block in zip(rows, values, replicates, strict=True):
        free = len(value) - 1
        if row.is_deterministic or free == 0:
            continue
        degrees += free
        squares += free * float(value.var(ddof=1))
        shifts = block - block.mean(axis=0)
        interaction += free * float(shifts.var(axis=1, ddof=1).mean())
    return SeedNoise(squares / max(degrees, 1), bessel * interaction / max(degrees, 1), degrees)


def _half_width(item_variance: float, share: float, noise: SeedNoise) -> float:
    """`share`: Σ 1/S over the rows involved; the interaction is taken out of the items' part, as the seeds' has it."""
    known = max(item_variance - share * noise.interaction, 0.0)
    return half_width(known, share * noise.variance, noise.degrees if share else 0, CONFIDENCE)


def _pairwise(centres: np.ndarray, covariance: np.ndarray, shares: np.ndarray, noise: SeedNoise) -> np.ndarray:
    """Holm-adjusted p-values of all pairs, (rows, rows).

    All pairs count as comparisons because the best row is chosen from the same data: comparing with a best that was
    fixed beforehand would need fewer, and would call equal rows different too often.
    """
    first, second = np.triu_indices(len(centres), k=1)
    raw = []
    for i, j in zip(first, second, strict=True):
        variance = covariance[i, i] + covariance[j, j] - 2 * covariance[i, j]
        share = shares[i] + shares[j]
        known = max(float(variance - share * noise.interaction), 0.0)
        degrees = noise.degrees if share else 0
        raw.append(p_value(float(centres[i] - centres[j]), known, float(share * noise.variance), degrees))
    adjusted = np.ones((len(centres), len(centres)))
    if raw:
        adjusted[first, second] = adjusted[second, first] = holm(raw)
    return adjusted
