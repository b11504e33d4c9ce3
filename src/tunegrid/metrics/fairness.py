"""A metric by group of instances, and the gap between the best and the worst group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.metrics.bootstrap import block_sizes, quantiles, resample
from tunegrid.metrics.combine import corpus_value, measure

_ROUNDING = 1e-12
"""Gaps this close are equal."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The best group's value less the worst's; with noise alone it is above 0, so look at the p-value."""

    value: float
    low: float
    high: float
    """Of the 95 % bootstrap interval."""
    p_value: float
    """Share of random groupings of the same sizes with a gap at least as large; one is added to both counts."""


def by_group(score: Score, groups: Sequence[str]) -> dict[str, Score]:
    """The score on each group's instances alone, in order of the alphabet."""
    if len(groups) != len(score.statistics):
        raise DataError(
            f"{len(groups)} groups for {len(score.statistics)} instances of {score.name}; give one for each"
        )
    names = np.array(groups)
    return {str(name): Score(score.name, score.statistics[names == name]) for name in np.unique(names)}


def gap(score: Score, groups: Sequence[str], *, resamples: int, seed: int) -> Gap:
    """Compare groups: interval by resampling each group's own instances, p-value by exchanging group labels.

    Raises `DataError` unless there are two groups at least.
    """
    divided = by_group(score, groups)
    if len(divided) < 2:
        raise DataError("a gap needs two groups at least; give a key that has several values")
    value = _gap(np.array([corpus_value(own) for own in divided.values()]))
    drawn = [resample(own, resamples, [seed, 3, place]) for place, own in enumerate(divided.values())]
    sizes = [len(own.statistics) for own in divided.values()]
    beyond = sum(int((gaps >= value - _ROUNDING).sum()) for gaps in _shuffled_gaps(score, sizes, resamples, seed))
    return Gap(float(value), *quantiles(_gap(np.stack(drawn)), 0.95), (beyond + 1) / (resamples + 1))


def _gap(values: np.ndarray) -> np.ndarray:
    """(groups, ...) to (...)."""
    return np.asarray(values.max(axis=0) - values.min(axis=0))


def _shuffled_gaps(score: Score, sizes: Sequence[int], shuffles: int, seed: int) -> Iterator[np.ndarray]:
    """The gaps of random groupings of those sizes, (shuffles,) in blocks that fit in memory."""
    values, instances = measure(score.name).values, len(score.statistics)
    group = np.repeat(np.arange(len(sizes)), sizes)
    generator = np.random.default_rng([seed, 4])
    for size in block_sizes(instances, shuffles):
        shuffled = generator.permuted(np.tile(group, (size, 1)), axis=1)  # (size, instances)
        yield _gap(np.stack([values(shuffled == place, score.statistics) for place in range(len(sizes))]))
