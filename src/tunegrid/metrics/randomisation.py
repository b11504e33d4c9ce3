"""Approximate randomisation (Noreen 1989; Riezler and Maxwell 2005), the paired test that assumes least."""

import numpy as np

from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.metrics.bootstrap import block_sizes
from tunegrid.metrics.combine import measure

_ROUNDING = 1e-12
"""Differences this close are equal; many shuffles of small integers are."""


def randomisation_p(first: Score, second: Score, *, shuffles: int, seed: int) -> float:
    """Two-sided p-value of the difference of two scores of the same instances, in 0 … 1; nan where it is undefined.

    If the two systems are alike, their answers to an instance can be exchanged: p is the share of random exchanges
    whose difference is at least as large; one is added to both counts, since the observed exchange is one of them.
    """
    if first.name != second.name or first.statistics.shape != second.statistics.shape:
        raise DataError(
            f"{first.name} and {second.name} are not one metric on the same instances; compare like with like"
        )
    instances = len(first.statistics)
    generator = np.random.default_rng([seed, 2])  # a stream of its own, beside the bootstrap's
    observed = abs(_differences(first, second, np.zeros((1, instances)))[0])
    beyond = 0
    for size in block_sizes(instances, shuffles):
        exchanged = generator.integers(0, 2, size=(size, instances))
        beyond += int((np.abs(_differences(first, second, exchanged)) >= observed - _ROUNDING).sum())
    return float("nan") if np.isnan(observed) else (beyond + 1) / (shuffles + 1)


def _differences(first: Score, second: Score, exchanged: np.ndarray) -> np.ndarray:
    """First less second, (shuffles,); where `exchanged`, (shuffles, instances), is 1 and not 0, they have swapped."""
    values = measure(first.name).values
    both = np.concatenate([first.statistics, second.statistics])
    weights = np.concatenate([1 - exchanged, exchanged], axis=1)
    return values(weights, both) - values(1 - weights, both)
