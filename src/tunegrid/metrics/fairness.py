"""A metric by group of instances, and the gap between the best and the worst group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.metrics.bootstrap import block_sizes, quantiles, weight_blocks
from tunegrid.metrics.combine import measure


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
    """Compare groups on the same instances: interval by bootstrap, p-value by exchanging group labels.

    Raises `DataError` unless there are two groups at least.
    """
    _, group = np.unique(np.array(groups), return_inverse=True)
    if not len(group) or not group.max():
        raise DataError("a gap needs two groups at least; give a key that has several values")
    instances, ones = len(group), np.ones((1, len(group)))
    members = (group == np.arange(group.max() + 1)[:, None]).astype(float)  # (groups, instances)
    value = _gaps(score, ones, members)[0]
    drawn = [_gaps(score, weights, members) for weights in weight_blocks(instances, resamples, seed)]
    generator = np.random.default_rng([seed, 3])  # a stream of its own, beside the bootstrap's
    beyond = 0
    for size in block_sizes(instances * len(members), resamples):
        orders = generator.permuted(np.tile(np.arange(instances), (size, 1)), axis=1)
        beyond += int((_gaps(score, ones, members[:, orders]) >= value - 1e-12).sum())
    return Gap(float(value), *quantiles(np.concatenate(drawn), 0.95), (beyond + 1) / (resamples + 1))


def _gaps(score: Score, weights: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(samples, instances) weights, (groups, instances) or (groups, samples, instances) members to (samples,) gaps."""
    known = measure(score.name)
    values = np.stack([known.values(weights * own, score.statistics) for own in members])  # (groups, samples)
    gaps: np.ndarray = values.max(axis=0) - values.min(axis=0)
    return gaps
