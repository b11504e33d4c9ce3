"""Intervals and paired tests by resampling instances (Efron 1979; Koehn 2004), and Holm's correction.

A resample is a vector of weights over instances, so a corpus metric of thousands of resamples is one matrix product of
weights and additive statistics, then the metric's `combine`. Everything is reproducible from the seed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.metrics.combine import corpus_value, measure

_BLOCK = 1 << 22
"""Weights drawn at once: bounds memory at 32 MiB."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its bootstrap percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The first side's value minus the second's, with its interval and two-sided p-value."""

    value: float
    low: float
    high: float
    p_value: float
    """From the share of resamples beyond zero: below 5 % where the 95 % interval excludes 0."""


def resample(score: Score, resamples: int, seed: int | Sequence[int]) -> np.ndarray:
    """Return corpus values of `score` on bootstrap samples of its instances: (resamples,).

    Two scores with as many instances get the same samples from the same seed, which is what pairs them.
    """
    if not len(score.statistics):
        raise DataError(f"{score.name} has no instances to resample")
    values = measure(score.name).values
    blocks = weight_blocks(len(score.statistics), resamples, seed)
    return np.concatenate([values(weights, score.statistics) for weights in blocks])


def weight_blocks(instances: int, resamples: int, seed: int | Sequence[int]) -> Iterator[np.ndarray]:
    """How often each instance is drawn in each bootstrap sample, (resamples, instances) in blocks of whole samples."""
    generator = np.random.default_rng(seed)
    even = np.full(instances, 1 / instances)
    for size in block_sizes(instances, resamples):
        yield generator.multinomial(instances, even, size=size)


def block_sizes(instances: int, samples: int) -> Iterator[int]:
    """Cut `samples` of `instances` weights into blocks that fit in memory."""
    block = max(_BLOCK // instances, 1)
    for start in range(0, samples, block):
        yield min(block, samples - start)


def interval(score: Score, *, resamples: int, seed: int, level: float = 0.95) -> Interval:
    """Return the corpus value of `score` with its percentile interval over `resamples` samples of the instances."""
    low, high = quantiles(resample(score, resamples, seed), level)
    return Interval(corpus_value(score), low, high)


def paired_difference(
    first: Sequence[Score], second: Sequence[Score], *, resamples: int, seed: int, level: float = 0.95
) -> Difference:
    """Compare one metric between two sides that answered the same instances in the same order.

    A side is its repeats (one `Score` for each training seed) and its value their mean. Each resample draws the
    instances once for all, and, where a side has several repeats, its repeats too, so that both kinds of noise show.
    """
    _check_paired([*first, *second])
    generator = np.random.default_rng([seed, 1])  # a stream of its own: the instances' samples stay those of `interval`
    samples = _mean_of_repeats(first, resamples, seed, generator) - _mean_of_repeats(second, resamples, seed, generator)
    value = _mean_value(first) - _mean_value(second)
    low, high = quantiles(samples, level)
    return Difference(value, low, high, _two_sided(samples))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Apply Holm's (1979) step-down correction: adjusted p-values in the given order, each at most 1."""
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    steps = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def _mean_value(repeats: Sequence[Score]) -> float:
    return float(np.mean([corpus_value(score) for score in repeats]))


def _mean_of_repeats(repeats: Sequence[Score], resamples: int, seed: int, generator: np.random.Generator) -> np.ndarray:
    """Average the drawn repeats of each resample: (resamples,)."""
    values = np.stack([resample(score, resamples, seed) for score in repeats])  # (repeats, resamples)
    drawn = generator.integers(len(repeats), size=(len(repeats), resamples))
    return np.take_along_axis(values, drawn, axis=0).mean(axis=0)


def quantiles(samples: np.ndarray, level: float) -> tuple[float, float]:
    """The ends of the percentile interval; nan where a sample has no value."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _two_sided(samples: np.ndarray) -> float:
    """Double the smaller share on either side of zero; one is added to each count, since no p-value is 0."""
    tail = min(int((samples <= 0).sum()), int((samples >= 0).sum()))
    return min(2 * (tail + 1) / (len(samples) + 1), 1.0)


def _check_paired(scores: Sequence[Score]) -> None:
    names = {score.name for score in scores}
    sizes = {len(score.statistics) for score in scores}
    if len(names) != 1 or len(sizes) != 1:
        raise DataError(f"a paired difference needs one metric on the same instances, got {names} on {sizes} instances")
